/** Reads files that this program wrote, whatever has become of them: nothing that stands there can hang or flood us. */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { errorCode, messageOf } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';

/** `missing` also where a folder above is missing. `why` is for people. */
export type OwnFile =
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly why: string }
  | { readonly kind: 'text'; readonly text: string };

/** No record of ours comes near it: the longest are the events of a run of months. */
const longestBytes = 256 * 1024 ** 2;

/** Opening a FIFO without O_NONBLOCK waits for a writer, and a terminal could become ours without O_NOCTTY. */
const readFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** For reading on from anywhere. Never waits; throws what the kernel says, and an Error when no file stands there. */
export function openToRead(file: string): number {
  const descriptor = openSync(file, readFlags);
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw new Error(`${file} is no file`);
}

/** Never throws and never waits. */
export function readOwnFile(file: string): OwnFile {
  let descriptor: number;
  try {
    descriptor = openSync(file, readFlags);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' };
    return { kind: 'unreadable', why: reasons[code ?? ''] ?? messageOf(error) };
  }
  try {
    return readDescriptor(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** From its start, wherever the descriptor stands. Never throws and never waits. */
export function readDescriptor(descriptor: number): OwnFile {
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return { kind: 'unreadable', why: `it is ${kindOf(stat)}, not a file` };
    if (stat.size > longestBytes) return { kind: 'unreadable', why: `it has ${stat.size} bytes` };
    return { kind: 'text', text: readWhole(descriptor, stat.size) };
  } catch (error) {
    return { kind: 'unreadable', why: messageOf(error) };
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ELOOP: 'it is a link that leads to itself',
  ENXIO: 'it is a socket or a device, not a file',
};

function kindOf(stat: ReturnType<typeof fstatSync>): string {
  if (stat.isDirectory()) return 'a folder';
  if (stat.isFIFO()) return 'a named pipe';
  return stat.isSocket() ? 'a socket' : 'a device';
}

/** From its start, whoever else reads through the same descriptor. One that grows meanwhile is read to where it ended. */
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

/** Also for reading: who is given the descriptor can read, whatever becomes of the rights on the file. */
const appendFlags =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;

/** For this user alone. Throws what the kernel says, and `cannot-write` when something else than a file stands there. */
export function openToAppend(file: string): number {
  const descriptor = openSync(file, appendFlags, 0o600);
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  // The command stands in the message, which travels over the control socket.
  throw new DynamoError('cannot-write', `${file} is no file, so nothing is written there; rm -r ${file}`);
}

export function appendOwn(file: string, text: string): void {
  const descriptor = openToAppend(file);
  try {
    writeAll(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}

/** Throws also when the disk took only a part. */
export function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
}
