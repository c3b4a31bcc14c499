/** Whether the host has room for a run: limits of this shell, loopback, and disk space. */
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

/** A supervisor has about 30 files open, and each process of a run adds two. */
const fewestFiles = 64;
/** Node uses eleven threads, and the smallest run has three Node processes besides ours. */
const fewestThreads = 64;
/** Above this limit, threads are not counted, because that means a scan of /proc. */
const plentyOfThreads = 4_096;
/** Plan, ledger, events and the first lines of every log take a fifth of it. */
const leastBytes = 256 * 1024;
const leastFileBytes = 1024 * 1024;
const fewestInodes = 64;

/** The first resource that is missing for a run whose records and logs are in `folder`. Never rejects. */
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

/** What a plan takes. */
export interface Extent {
  readonly processes: number;
  readonly ports: number;
}

/** Runs up to this size need little more than `lackOfRoom` asks for. */
const smallRun = 16;
/** Of the supervisor itself, for each process (its log, gate and connections), and one for each port until all are ready. */
const descriptors = { own: 40, eachProcess: 4, eachPort: 1 };
/** Node uses eleven; Python's runtimes use more. */
const threadsEach = 12;
/** A worker of the embedded engine has 11 MiB of its own (Node 20); of a real engine, gigabytes. */
const leastMiBEach = 12;

/** The first resource that is missing for a run of this size. Reads files of /proc only. */
export function lackOfRoomFor({ processes, ports }: Extent): Lack | undefined {
  if (processes <= smallRun) return undefined;
  const limits = readText('/proc/self/limits') ?? '';
  const { own, eachProcess, eachPort } = descriptors;
  const filesNeeded = own + processes * eachProcess + ports * eachPort;
  const mostFiles = limitIn(limits, 'Max open files');
  if (mostFiles < filesNeeded)
    return {
      code: 'environment',
      words: `the open file limit of this shell is ${mostFiles} (ulimit -n); ${processes} processes with ${ports} ports need ${filesNeeded}`,
      fix: `ulimit -n ${filesNeeded}   # then retry, or start fewer: --replicas`,
    };
  const availableMiB = Math.floor(availableKiB() / 1024);
  const neededMiB = processes * leastMiBEach;
  if (availableMiB < neededMiB)
    return {
      code: 'environment',
      words: `${availableMiB} MiB of memory are available; ${processes} processes need ${neededMiB} MiB even without a model`,
      fix: 'free -m   # then start fewer: --replicas',
    };
  return lackOfThreads(limits, processes * threadsEach);
}

/** What new processes can get without swapping; Infinity if unknown. */
function availableKiB(): number {
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(readText('/proc/meminfo') ?? '')?.[1] ?? Infinity);
}

/** The maximum size of a file written by us or our processes, in bytes; Infinity without a limit. */
export function largestFile(): number {
  return limitIn(readText('/proc/self/limits') ?? '', 'Max file size');
}

/** Tries to write into this folder: `ENOSPC`, `EDQUOT`, `EROFS`; `undefined` if it works. */
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
      // The file was never created.
    }
  }
}

function lackOfFiles(limits: string): Lack | undefined {
  const most = limitIn(limits, 'Max open files');
  if (most >= fewestFiles) return undefined;
  return {
    code: 'environment',
    words: `the open file limit of this shell is ${most} (ulimit -n); a run needs ${fewestFiles}`,
    fix: 'ulimit -n 4096   # then retry',
  };
}

function lackOfFileSize(limits: string): Lack | undefined {
  const most = limitIn(limits, 'Max file size');
  if (most >= leastFileBytes) return undefined;
  return {
    code: 'environment',
    words: `the file size limit of this shell is ${most / 1024} KiB (ulimit -f); a run needs ${leastFileBytes / 1024} KiB for logs and records`,
    fix: 'ulimit -f unlimited   # then retry',
  };
}

/** Threads count like processes. Source: setrlimit(2), RLIMIT_NPROC. */
function lackOfThreads(limits: string, needed = fewestThreads): Lack | undefined {
  const most = limitIn(limits, 'Max processes');
  if (most >= Math.max(plentyOfThreads, 4 * needed) || isExempt()) return undefined;
  const used = threadsOfUser();
  if (most - used >= needed) return undefined;
  return {
    code: 'environment',
    words: `this user has ${used} of at most ${most} processes and threads (ulimit -u); a run needs ${needed} more`,
    fix: `ulimit -u ${used + Math.max(1024, 2 * needed)}   # then retry`,
  };
}

/** These capabilities lift the limit. Source: capabilities(7), CAP_SYS_ADMIN and CAP_SYS_RESOURCE. */
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
    const fix = `df -h ${folder}; df -i ${folder}   # free some space, or: export XDG_STATE_HOME=/a/bigger/disk`;
    if (free < leastBytes) {
      return {
        code: 'cannot-write',
        words: `the disk is full: ${Math.floor(free / 1024)} KiB free at ${folder}; a run needs ${leastBytes / 1024} KiB for its records and logs`,
        fix,
      };
    }
    // File systems without an inode table report 0 of 0.
    if (files === 0 || ffree >= fewestInodes) return undefined;
    return {
      code: 'cannot-write',
      words: `the disk is full: ${ffree} inodes free at ${folder}; a run needs ${fewestInodes}`,
      fix,
    };
  } catch {
    return undefined; // The first write will fail and say why.
  }
}

/** In a new network namespace, loopback is down. If it has no address, a connection is tried. */
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
