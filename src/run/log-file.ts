/** A log as one run of bytes, whether or not its older part was moved aside when it grew too large. */
import { closeSync, fstatSync, readSync, statSync } from 'node:fs';
import { openToRead } from '../disk/own-file.ts';

/** Where the older part stands. Together with the file itself it gives exactly what the process wrote. */
export function olderPart(file: string): string {
  return `${file}.1`;
}

/** Where the older part grows while it is being moved aside, until its bytes are gone from the file. */
export function draftPart(file: string): string {
  return `${file}.new`;
}

export interface LogFile {
  /** Of both parts, in bytes. */
  readonly size: number;
  readonly olderSize: number;
  /** Fills the buffer as far as there are bytes from `position` on; answers how many it read. */
  read(buffer: Uint8Array, position: number): number;
  close(): void;
}

/** `undefined` when there is no such file. */
export function openLog(file: string): LogFile | undefined {
  const current = open(file);
  if (current === undefined) return undefined;
  const older = open(olderPart(file));
  const olderSize = older === undefined ? 0 : fstatSync(older).size;
  return {
    size: olderSize + fstatSync(current).size,
    olderSize,
    read: (buffer, position) => {
      if (older === undefined || position >= olderSize)
        return readSync(current, buffer, 0, buffer.length, position - olderSize);
      const first = readSync(older, buffer, 0, Math.min(buffer.length, olderSize - position), position);
      return first + readSync(current, buffer, first, buffer.length - first, 0);
    },
    close: () => {
      closeSync(current);
      if (older !== undefined) closeSync(older);
    },
  };
}

/** Changes whenever a part of the log is moved aside. */
export function olderPartId(file: string): number {
  return statSync(olderPart(file), { throwIfNoEntry: false })?.ino ?? 0;
}

function open(file: string): number | undefined {
  try {
    return openToRead(file);
  } catch {
    return undefined;
  }
}
