/** Appends to files of ours. A named pipe that stands in their place must not make a supervisor wait for a reader. */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { DynamoError } from '../base/error.ts';

/** Also for reading: who is given the descriptor can read, whatever becomes of the rights on the file. */
const flags =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;

/** For this user alone. Throws what the kernel says, and `cannot-write` when something else than a file stands there. */
export function openToAppend(file: string): number {
  const descriptor = openSync(file, flags, 0o600);
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
