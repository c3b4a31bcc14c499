/** What /proc says about processes and listeners. Written for tests alone: it shares no code, and no bug, with src. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface SeenProcess {
  readonly pid: number;
  readonly command: string;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** In clock ticks since boot: with the pid, it identifies a process. */
  readonly startTime: string;
}

/** Everything that runs now. A zombie does not count, unless threads other than its first one still run. */
export function livingProcesses(): SeenProcess[] {
  return list('/proc').flatMap((name) => (/^\d+$/.test(name) ? (livingProcess(Number(name)) ?? []) : []));
}

export function livingProcess(pid: number): SeenProcess | undefined {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent, group, session] = fields;
  if (state === '' || state === 'X' || (state === 'Z' && Number(fields[17]) < 2)) return undefined;
  return {
    pid,
    command: argvOf(pid).join(' ') || stat.split(' ')[1] || '?',
    state,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    startTime: fields[19] ?? '',
  };
}

export function isLiving(pid: number): boolean {
  return livingProcess(pid) !== undefined;
}

/** Whether this very process still runs, and not another one that got its pid. */
export function stillRuns({ pid, startTime }: Pick<SeenProcess, 'pid' | 'startTime'>): boolean {
  return livingProcess(pid)?.startTime === startTime;
}

/** Ends this very process if it still runs. */
export function kill(seen: Pick<SeenProcess, 'pid' | 'startTime'>): void {
  if (stillRuns(seen)) process.kill(seen.pid, 'SIGKILL');
}

/** Every process with `marker` in its environment or command line. */
export function processesWith(marker: string): SeenProcess[] {
  return livingProcesses().filter(
    ({ pid, command }) => command.includes(marker) || read(`/proc/${pid}/environ`).includes(marker),
  );
}

export function childrenOf(parent: number): number[] {
  return livingProcesses()
    .filter((each) => each.parent === parent)
    .map(({ pid }) => pid);
}

/** Empty for a process that has ended. */
export function argvOf(pid: number): string[] {
  const text = read(`/proc/${pid}/cmdline`).replace(/\0+$/, '');
  return text === '' ? [] : text.split('\0');
}

/** The environment that a process was started with. */
export function environmentOf(pid: number): Map<string, string> {
  const entries = read(`/proc/${pid}/environ`).split('\0').filter(Boolean);
  return new Map(entries.map((entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)]));
}

/** Targets of its open descriptors, and its working directory: paths, `socket:[inode]`, `pipe:[inode]`. */
export function openedBy(pid: number): string[] {
  const descriptors = list(`/proc/${pid}/fd`).map((name) => `/proc/${pid}/fd/${name}`);
  return [...descriptors, `/proc/${pid}/cwd`].flatMap((path) => {
    try {
      return [readlinkSync(path)];
    } catch {
      return []; // closed meanwhile
    }
  });
}

/** 127.x, ::1, and 127.x as an IPv6 address, in the kernel's byte order. */
const loopback = /^([\dA-F]{6}7F|0{24}01000000|0{16}FFFF0000[\dA-F]{6}7F):/;

/** TCP ports with a listener, each with the inodes of its sockets; optionally only those reachable from other hosts. */
export function listeners(which: 'all' | 'beyond loopback' = 'all'): Map<number, string[]> {
  const ports = new Map<number, string[]>();
  // The second is missing on hosts without IPv6.
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of read(table).split('\n').slice(1)) {
      const cells = line.trim().split(/\s+/);
      if (cells[3] !== '0A') continue;
      if (which === 'beyond loopback' && loopback.test(cells[1] ?? '')) continue;
      const port = Number.parseInt(cells[1]?.split(':').at(-1) ?? '', 16);
      ports.set(port, [...(ports.get(port) ?? []), cells[9] ?? '']);
    }
  }
  return ports;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
