/** What /proc says about living processes; written for tests alone, so that it shares no mistake with the product. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface SeenProcess {
  readonly pid: number;
  readonly command: string;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/** Everything that runs now. Zombies do not count, unless other threads than the first one go on. */
export function livingProcesses(): SeenProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => see(Number(name)) ?? []);
}

export function isLiving(pid: number): boolean {
  return see(pid) !== undefined;
}

function see(pid: number): SeenProcess | undefined {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent, group, session] = fields;
  if (state === '' || state === 'X' || (state === 'Z' && Number(fields[17]) < 2)) return undefined;
  const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() || stat.split(' ')[1] || '?';
  return { pid, command, state, parent: Number(parent), group: Number(group), session: Number(session) };
}

/** The environment that a process was started with. */
export function environmentOf(pid: number): Map<string, string> {
  const entries = read(`/proc/${pid}/environ`).split('\0').filter(Boolean);
  return new Map(entries.map((entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)]));
}

/** Where its open descriptors lead, and its working directory: paths, `socket:[inode]`, `pipe:[inode]`. */
export function openedBy(pid: number): string[] {
  const descriptors = list(`/proc/${pid}/fd`).map((name) => `/proc/${pid}/fd/${name}`);
  return [...descriptors, `/proc/${pid}/cwd`].flatMap((path) => {
    try {
      return [readlinkSync(path)];
    } catch {
      return [];
    }
  });
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
