/** Processes and locks from /proc, read through HostView. */
import { concealWords } from '../base/secrets.ts';
import type { HostView } from './host-view.ts';

export interface ProcessFacts {
  readonly pid: number;
  /** Truncated to 15 characters by the kernel. */
  readonly comm: string;
  readonly state: string;
  readonly ppid: number;
  /** Clock ticks after boot. */
  readonly startTicks: number;
}

/** Clock ticks per second in /proc, the same on every Linux that Node supports. */
const ticksPerSecond = 100;

/** `undefined` for a process that is gone. */
export async function readProcess({ files }: HostView, pid: number): Promise<ProcessFacts | undefined> {
  const text = await files.read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name is in parentheses and may contain any character: the last parenthesis closes it.
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  return {
    pid,
    comm: text.slice(text.indexOf('(') + 1, close),
    state: fields[0] ?? 'X',
    ppid: Number(fields[1]),
    startTicks: Number(fields[19]),
  };
}

export async function readProcesses(host: HostView): Promise<ProcessFacts[]> {
  const pids = (await host.files.list('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => readProcess(host, Number(pid))));
  return found.filter((each) => each !== undefined);
}

/** `pid 4321 (alice, sglang::scheduler_TP0, 3 h)`, for people. */
export async function describeProcess(
  host: HostView,
  pid: number,
  name = 'not of this pid namespace',
): Promise<string> {
  const [facts, status, users, command, uptime] = await Promise.all([
    readProcess(host, pid),
    host.files.read(`/proc/${pid}/status`),
    host.files.read('/etc/passwd'),
    host.files.read(`/proc/${pid}/cmdline`),
    host.files.read('/proc/uptime'),
  ]);
  if (facts === undefined) return `pid ${pid} (${name})`;
  const uid = /^Uid:\s+(\d+)/m.exec(status ?? '')?.[1];
  const user = users
    ?.split('\n')
    .find((line) => line.split(':')[2] === uid)
    ?.split(':')[0];
  const words = concealWords(command?.split('\0').filter(Boolean) ?? [])
    .join(' ')
    .slice(0, 60);
  const seconds = Number.parseFloat(uptime ?? '') - facts.startTicks / ticksPerSecond;
  const who = [user ?? (uid === undefined ? undefined : `uid ${uid}`), words || name, ageText(seconds)];
  return `pid ${pid} (${who.filter((each) => each !== undefined).join(', ')})`;
}

function ageText(seconds: number): string | undefined {
  if (!Number.isFinite(seconds) || seconds < 0) return undefined;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** A flock on a file; locks without a process (pid -1) are omitted. */
export interface FileLock {
  readonly pid: number;
  /** As in `FileFacts`. */
  readonly device: string;
  readonly inode: number;
}

/** Held locks: `1: FLOCK ADVISORY WRITE 55 fe:00:1234 0 EOF`; waiting processes have lines with `->`. */
export async function readLocks({ files }: HostView): Promise<FileLock[]> {
  return ((await files.read('/proc/locks')) ?? '').split('\n').flatMap((line): FileLock[] => {
    const match = /^\d+:\s+FLOCK\s+\w+\s+\w+\s+(\d+)\s+([0-9a-f]+:[0-9a-f]+):(\d+)\s/.exec(line);
    if (match === null) return [];
    return [{ pid: Number(match[1]), device: match[2] ?? '', inode: Number(match[3]) }];
  });
}
