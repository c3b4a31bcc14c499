/** Finds processes by the files that they have open, run from, or read. */
import { constants, fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { livingProcesses, readCommandWords } from './proc.ts';
import { sep } from 'node:path';
import { errorCode } from '../base/error-code.ts';

interface Openers {
  readonly openers: ReadonlySet<number>;
  /** Processes of other users, which may have it open. */
  readonly unreadable: ReadonlySet<number>;
}

/** Running processes that have a file open whose path `matches`. */
export function openersOf(matches: (path: string) => boolean): Openers {
  const [openers, unreadable] = [new Set<number>(), new Set<number>()];
  for (const { pid } of livingProcesses()) {
    const paths = openPaths(pid);
    if (paths === undefined) unreadable.add(pid);
    else if (paths.some(matches)) openers.add(pid);
  }
  return { openers, unreadable };
}

/** `undefined` if this user may not read them. */
function openPaths(pid: number): string[] | undefined {
  return descriptorsOf(pid)?.flatMap((descriptor) => linkOf(`/proc/${pid}/fd/${descriptor}`));
}

function linkOf(path: string): string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return []; // Closed meanwhile.
  }
}

interface FolderUser {
  readonly pid: number;
  readonly command: string;
}

/**
 * Processes that run from a folder, so that it is not removed while in use. Compares the program both as it was called and
 * resolved: the python3 of a virtual environment is a link to a file outside of it.
 */
export function usersOfFolder(folder: string): FolderUser[] {
  return livingProcesses().flatMap(({ pid }) => {
    const words = readCommandWords(pid);
    const runs = [words[0] ?? '', programOf(pid)].some((file) => file.startsWith(`${folder}${sep}`));
    return runs ? [{ pid, command: words.join(' ').slice(0, 80) }] : [];
  });
}

function programOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return '';
  }
}

/** O_ACCMODE, which Node does not name. */
const accessMode = 3;

interface End {
  readonly pid: number;
  readonly descriptor: string;
}

let lastReader: End | undefined;

/** Whether this descriptor of ours is a pipe, whose reader may go away unnoticed. */
export function isPipe(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFIFO();
  } catch {
    return false;
  }
}

/**
 * Whether any process still reads a pipe that we write to; Node only notices when it writes. False only if it is certain:
 * the descriptor is a pipe, and no process that we can inspect has its other end open.
 */
export function hasReader(descriptor: number): boolean {
  try {
    if (!isPipe(descriptor)) return true;
    const pipe = readlinkSync(`/proc/self/fd/${descriptor}`);
    // The last known reader is nearly always still there: /proc is searched only when it has gone.
    if (lastReader !== undefined && reads(lastReader, pipe)) return true;
    const others = livingProcesses().filter(({ pid }) => pid !== process.pid);
    // The pipe is nearly always the reader's standard input.
    const first = others.map(({ pid }) => ({ pid, descriptor: '0' })).find((end) => reads(end, pipe));
    lastReader = first ?? anyReader(others, pipe);
    return lastReader !== undefined || others.some(({ pid }) => isHidden(pid));
  } catch {
    return true;
  }
}

function anyReader(others: readonly { readonly pid: number }[], pipe: string): End | undefined {
  for (const { pid } of others) {
    const found = descriptorsOf(pid)?.find((descriptor) => reads({ pid, descriptor }, pipe));
    if (found !== undefined) return { pid, descriptor: found };
  }
  return undefined;
}

/** A process that we cannot inspect may be a reader. */
function isHidden(pid: number): boolean {
  return descriptorsOf(pid) === undefined;
}

/** `undefined` if this user may not read them. */
function descriptorsOf(pid: number): string[] | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? [] : undefined;
  }
}

/** Other processes may hold the write end, as we do: the flags tell them apart. */
function reads({ pid, descriptor }: End, pipe: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/fd/${descriptor}`) !== pipe) return false;
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8'))?.[1];
    return (Number.parseInt(flags ?? '0', 8) & accessMode) !== constants.O_WRONLY;
  } catch {
    return false;
  }
}
