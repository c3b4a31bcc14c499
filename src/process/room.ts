/** Whether there is room for processes and what they write: limits of this shell, loopback, and the disk. */
import { readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../base/error-code.ts';
import { readText } from './proc.ts';
import { type LimitName, softLimit } from '../base/process-limits.ts';

export interface Lack {
  readonly code: 'environment' | 'cannot-write';
  /** One sentence without a full stop. */
  readonly words: string;
  /** One command. */
  readonly fix: string;
}

/** A supervisor has some 30 files open, and each process of a run takes two more. */
const fewestFiles = 64;
/** Node takes eleven threads, and the smallest run has three such processes beside ours. */
const fewestThreads = 64;
/** Who may have more than this many processes is not counted: that is a search through /proc. */
const plentyOfThreads = 4_096;
/** Plan, ledger, events and the first lines of every log take a fifth of it. */
const leastBytes = 256 * 1024;
const leastFileBytes = 1024 * 1024;
const fewestInodes = 64;

/** The first thing that is lacking for a run whose records and logs lie in `folder`. Never rejects. */
export async function lackOfRoom(folder: string): Promise<Lack | undefined> {
  const limits = readText('/proc/self/limits') ?? '';
  return (
    lackOfFiles(limits) ??
    lackOfFileSize(limits) ??
    lackOfThreads(limits) ??
    lackOfDisk(folder) ??
    (await lackOfLoopback())
  );
}

/** The most bytes that a file of ours and of our processes may have; Infinity without a limit. */
export function largestFile(): number {
  return limitIn(readText('/proc/self/limits') ?? '', 'Max file size');
}

/** Why nothing can be written into this folder, by trying: `ENOSPC`, `EDQUOT`, `EROFS`; `undefined` when it can. */
export function writeTrouble(folder: string): string | undefined {
  const file = join(folder, `.room.${process.pid}`);
  try {
    writeFileSync(file, Buffer.alloc(16 * 1024), { mode: 0o600 });
    return undefined;
  } catch (error) {
    return errorCode(error);
  } finally {
    try {
      rmSync(file, { force: true });
    } catch {
      // nothing could be made there
    }
  }
}

function lackOfFiles(limits: string): Lack | undefined {
  const most = limitIn(limits, 'Max open files');
  if (most >= fewestFiles) return undefined;
  return {
    code: 'environment',
    words: `a process of this shell may have ${most} files open (ulimit -n), and a run needs ${fewestFiles}`,
    fix: 'ulimit -n 4096   # then again',
  };
}

function lackOfFileSize(limits: string): Lack | undefined {
  const most = limitIn(limits, 'Max file size');
  if (most >= leastFileBytes) return undefined;
  return {
    code: 'environment',
    words: `a file of this shell may have ${most / 1024} KiB (ulimit -f), and logs and records of a run need ${leastFileBytes / 1024}`,
    fix: 'ulimit -f unlimited   # then again',
  };
}

/** Threads count like processes. Source: setrlimit(2), RLIMIT_NPROC. */
function lackOfThreads(limits: string): Lack | undefined {
  const most = limitIn(limits, 'Max processes');
  if (most >= plentyOfThreads || isExempt()) return undefined;
  const used = threadsOfUser();
  if (most - used >= fewestThreads) return undefined;
  return {
    code: 'environment',
    words: `this user may have ${most} processes and threads (ulimit -u) and has ${used}: a run needs ${fewestThreads} more`,
    fix: `ulimit -u ${used + 1024}   # then again`,
  };
}

/** The limit does not hold for who has one of these. Source: capabilities(7), CAP_SYS_ADMIN and CAP_SYS_RESOURCE. */
function isExempt(): boolean {
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(readText('/proc/self/status') ?? '')?.[1] ?? '0';
  return process.getuid?.() === 0 || (BigInt(`0x${effective}`) & ((1n << 21n) | (1n << 24n))) !== 0n;
}

function threadsOfUser(): number {
  const mine = String(process.getuid?.());
  let threads = 0;
  for (const name of readdirSync('/proc')) {
    const status = /^\d+$/.test(name) ? (readText(`/proc/${name}/status`) ?? '') : '';
    if (/^Uid:\s+(\d+)/m.exec(status)?.[1] !== mine) continue;
    threads += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return threads;
}

function lackOfDisk(folder: string): Lack | undefined {
  try {
    const { bavail, bfree, bsize, files, ffree } = statfsSync(folder);
    const free = (process.getuid?.() === 0 ? bfree : bavail) * bsize;
    const fix = `df -h ${folder}; df -i ${folder}   # then free space, or: export XDG_STATE_HOME=/a/bigger/disk`;
    if (free < leastBytes) {
      return {
        code: 'cannot-write',
        words: `the disk is full: ${Math.floor(free / 1024)} KiB are free at ${folder}, and a run needs ${leastBytes / 1024} for its records and logs`,
        fix,
      };
    }
    // File systems without a table of them say 0 of 0.
    if (files === 0 || ffree >= fewestInodes) return undefined;
    return {
      code: 'cannot-write',
      words: `the disk is full: ${ffree} files can be made at ${folder}, and a run needs ${fewestInodes}`,
      fix,
    };
  } catch {
    return undefined; // who writes there will tell
  }
}

/** A new network namespace has one that is down. Without an address on it there is a connection to be tried. */
async function lackOfLoopback(): Promise<Lack | undefined> {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  if (addresses.some(({ address }) => address.startsWith('127.'))) return undefined;
  const reason = await new Promise<string | undefined>((resolve) => {
    const socket = connect(9, '127.0.0.1', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.on('error', (error) => resolve(errorCode(error)));
  });
  if (reason === undefined || reason === 'ECONNREFUSED') return undefined;
  return {
    code: 'environment',
    words: `loopback is down: 127.0.0.1 cannot be reached (${reason})`,
    fix: 'ip link set lo up',
  };
}

function limitIn(limits: string, name: LimitName): number {
  return softLimit(limits, name) ?? Infinity;
}
