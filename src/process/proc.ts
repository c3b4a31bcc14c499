/** Reads /proc. Every reader returns `undefined` for a process that is gone. */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs';
import { withoutControls } from '../base/terminal-text.ts';
import { concealWords } from '../base/secrets.ts';

export interface ProcessStat {
  readonly pid: number;
  readonly comm: string;
  readonly state: string;
  readonly ppid: number;
  readonly pgrp: number;
  readonly session: number;
  readonly startTime: string;
  readonly threads: number;
  /** Time on a processor, in milliseconds. */
  readonly cpuMs: number;
}

/** Milliseconds per clock tick: USER_HZ is 100 on every architecture that Node runs on. */
export const tickMs = 10;

/** The last one needed is the start time. */
const neededFields = 20;

export function readStat(pid: number): ProcessStat | undefined {
  const text = readShort(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // comm is in parentheses and may contain any character, including parentheses: the last one closes it.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ', neededFields);
  return {
    pid,
    comm: text.slice(open + 1, close),
    state: fields[0] ?? 'X',
    ppid: Number(fields[1]),
    pgrp: Number(fields[2]),
    session: Number(fields[3]),
    startTime: fields[19] ?? '',
    threads: Number(fields[17]),
    cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
  };
}

/**
 * Zombies count as dead: in containers whose init does not reap, they stay forever. But a process whose first thread has
 * ended looks the same while its other threads still hold files, ports and GPU memory.
 */
export function isLiving(stat: ProcessStat | undefined): stat is ProcessStat {
  return stat !== undefined && stat.state !== 'X' && (stat.state !== 'Z' || stat.threads > 1);
}

export function livingProcesses(): ProcessStat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter(isLiving);
}

/** The processes that were running at one moment; what was read of each answers for several runs. */
export interface Look {
  readonly living: readonly ProcessStat[];
  /** `device:inode` of standard output and standard error. */
  outputsOf(pid: number): readonly (string | undefined)[];
}

export function takeLook(living: readonly ProcessStat[] = livingProcesses()): Look {
  const outputs = new Map<number, readonly (string | undefined)[]>();
  return {
    living,
    outputsOf: (pid) => {
      const files = outputs.get(pid) ?? [fileOf(pid, 1), fileOf(pid, 2)];
      outputs.set(pid, files);
      return files;
    },
  };
}

/** `undefined` for processes of other users, and for those that have overwritten their environment. */
export function readVariable(pid: number, name: string): string | undefined {
  const environment = read(`/proc/${pid}/environ`)?.toString('utf8');
  const prefix = `${name}=`;
  return environment
    ?.split('\0')
    .find((entry) => entry.startsWith(prefix))
    ?.slice(prefix.length);
}

/** Whether the process has overwritten its environment with a title. False if it cannot be read. */
export function overwroteEnvironment(pid: number): boolean {
  const environment = read(`/proc/${pid}/environ`)?.toString('latin1') ?? '';
  return environment !== '' && !environment.split('\0').some((entry) => /^[A-Za-z_]\w*=/.test(entry));
}

/** Without empty words; empty for a process that is gone. */
export function readCommandWords(pid: number): string[] {
  return read(`/proc/${pid}/cmdline`)?.toString('utf8').split('\0').filter(Boolean) ?? [];
}

/** The command line for people, without secrets, at most `length` characters; the name in brackets if it has none. */
export function commandLine(pid: number, length = 80): string {
  const text = withoutControls(
    concealWords(readCommandWords(pid)).join(' ') || `[${readStat(pid)?.comm ?? 'gone'}]`,
  );
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

/** `device:inode` of an open file descriptor of a process. */
export function fileOf(pid: number, descriptor: number): string | undefined {
  try {
    return fileIdentity(statSync(`/proc/${pid}/fd/${descriptor}`));
  } catch {
    return undefined;
  }
}

export function fileIdentity({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

/** How many; 0 for a process that is ending, or of another user. */
export function openFiles(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** Inodes of the open sockets of a process. */
export function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const link = readLink(`/proc/${pid}/fd/${fd}`);
      return link?.startsWith('socket:[') ? [link.slice(8, -1)] : [];
    });
  } catch {
    return [];
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** The kernel's own minimum and maximum. Source: execve(2). */
const [leastArguments, mostArguments] = [128 * 1024, 6 * 1024 * 1024];

/** How much the kernel accepts as arguments and variables of a new process: a quarter of our stack, within limits. */
export function argumentBytes(): number | undefined {
  const found = /^Max stack size +(\d+|unlimited)/m.exec(read('/proc/self/limits')?.toString() ?? '')?.[1];
  if (found === undefined) return undefined;
  const quarter = found === 'unlimited' ? mostArguments : Number(found) / 4;
  return Math.min(Math.max(quarter, leastArguments), mostArguments);
}

/** `undefined` if it does not exist or may not be read. */
export function readText(path: string): string | undefined {
  return read(path)?.toString('latin1');
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** Longer than any such line: a name takes at most 64 bytes, and 50 numbers do not fill the rest. */
const statBuffer = Buffer.alloc(2048);

/** A scan of /proc spends nearly all its time here, so it uses three system calls and allocates no buffer. */
function readShort(path: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    return statBuffer.toString('latin1', 0, readSync(descriptor, statBuffer, 0, statBuffer.length, 0));
  } catch {
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

interface ProcTrouble {
  readonly words: string;
  /** One command. */
  readonly fix: string;
}

/**
 * Whether /proc shows our own pid namespace, which everything here depends on. `undefined` if all is well. Reads two small
 * files; never throws.
 */
export function procTrouble(): ProcTrouble | undefined {
  const status = readText('/proc/self/status');
  if (status === undefined) {
    return existsSync('/proc/uptime') ? foreign('which does not show this process') : notMounted;
  }
  const pid = /^Pid:\s+(\d+)/m.exec(status)?.[1];
  // One pid per namespace, from that of this /proc down to ours: more than one if ours is nested. Source: proc(5).
  const numbers = /^NSpid:\s+(.+)$/m.exec(status)?.[1]?.trim().split(/\s+/) ?? [];
  if (pid !== String(process.pid) || numbers.length > 1) {
    return foreign(`where this process, ${process.pid}, is ${pid ?? 'unknown'}`);
  }
  // Missing if /proc was mounted with subset=pid.
  if (readText('/proc/sys/kernel/random/boot_id') !== undefined) return undefined;
  return {
    words:
      '/proc/sys/kernel/random/boot_id cannot be read: runs of this boot and of earlier boots look the same',
    fix: 'grep " /proc " /proc/self/mounts   # without subset=pid',
  };
}

const notMounted: ProcTrouble = {
  words: '/proc is not mounted: processes cannot be identified',
  fix: 'mount -t proc proc /proc',
};

function foreign(how: string): ProcTrouble {
  return {
    words: `/proc shows another pid namespace, ${how}: processes of a run cannot be found there`,
    fix: 'unshare --pid --fork --mount-proc …   # or here: mount -t proc proc /proc',
  };
}
