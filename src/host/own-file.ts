/** Reads and appends to our own files. Whatever has replaced such a file cannot make us hang or run out of memory. */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { errorCode, messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';

/** What prevents reading a file, where a person can do something about it. */
export type Obstacle = 'forbidden' | 'folder';

/** `missing`: also if a parent folder is missing. `why` is for people. */
export type OwnFile =
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly why: string; readonly obstacle?: Obstacle }
  | { readonly kind: 'text'; readonly text: string };

/** Larger than any record: the largest are the events of a run of months. */
const longestBytes = 256 * 1024 ** 2;

/** Without O_NONBLOCK, opening a FIFO waits for a writer; without O_NOCTTY, a terminal could become our controlling one. */
const readFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Opens a file to read from any position. Never waits. Throws the error of the kernel, and an Error if it is not a file. */
export function openToRead(file: string): number {
  const descriptor = openSync(file, readFlags);
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw new Error(`${file} is not a file`);
}

/** Never throws and never waits. */
export function readOwnFile(file: string): OwnFile {
  let descriptor: number;
  try {
    descriptor = openSync(file, readFlags);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' };
    const why = reasons[code ?? ''] ?? messageOf(error);
    const forbidden = code === 'EACCES' || code === 'EPERM';
    return { kind: 'unreadable', why, ...(forbidden ? { obstacle: 'forbidden' } : {}) };
  }
  try {
    return readDescriptor(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Reads from the start, whatever the position of the descriptor. Never throws and never waits. */
export function readDescriptor(descriptor: number): OwnFile {
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) {
      const why = `it is ${kindOf(stat)}, not a file`;
      return { kind: 'unreadable', why, ...(stat.isDirectory() ? { obstacle: 'folder' } : {}) };
    }
    if (stat.size > longestBytes) return { kind: 'unreadable', why: `it has ${stat.size} bytes` };
    return { kind: 'text', text: readWhole(descriptor, stat.size) };
  } catch (error) {
    return { kind: 'unreadable', why: messageOf(error) };
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ELOOP: 'it is a link that points to itself',
  ENXIO: 'it is a socket or a device, not a file',
};

function kindOf(stat: ReturnType<typeof fstatSync>): string {
  if (stat.isDirectory()) return 'a folder';
  if (stat.isFIFO()) return 'a named pipe';
  return stat.isSocket() ? 'a socket' : 'a device';
}

/** Reads from the start, even if others read through the same descriptor. If the file grows, reads up to its old end. */
function readWhole(descriptor: number, size: number): string {
  const bytes = Buffer.allocUnsafe(size);
  let filled = 0;
  while (filled < size) {
    const read = readSync(descriptor, bytes, filled, size - filled, filled);
    if (read === 0) break;
    filled += read;
  }
  return bytes.toString('utf8', 0, filled);
}

/** Also readable: a process that inherits the descriptor can read the file, whatever its permissions are by then. */
const appendFlags =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * Creates the file for this user only. Throws the error of the kernel, and `cannot-write` if something other than a file has
 * its name: a named pipe must not make a supervisor wait for a reader.
 */
export function openToAppend(file: string): number {
  const descriptor = openSync(file, appendFlags, 0o600);
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  // The command is part of the message, because only the message is sent over the control socket.
  throw new DynamoError('cannot-write', `${file} is not a file, so nothing is written there; rm -r ${file}`, {
    fields: { file },
  });
}

export function appendOwn(file: string, text: string): void {
  const descriptor = openToAppend(file);
  try {
    writeAll(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}

/** Throws also if only a part could be written. */
export function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
}
