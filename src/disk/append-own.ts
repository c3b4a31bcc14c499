/** Appends to files of ours. A named pipe that stands in their place must not make a supervisor wait for a reader. */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';

/** Also for reading: who is given the descriptor can read, whatever becomes of the rights on the file. */
const flags =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;

/** For this user alone. Throws what the kernel says, and an Error when no file stands there. */
export function openToAppend(file: string): number {
  const descriptor = openSync(file, flags, 0o600);
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw new Error(`${file} is no file`);
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
