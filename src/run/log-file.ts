/** A log as one run of bytes, whether or not its older part was moved aside when it grew too large. */
import { closeSync, existsSync, fstatSync, readSync, statSync } from 'node:fs';
import { type LogOffset, noOffset, offsetPart, olderPart, parseOffset } from '../base/logs.ts';
import { openToRead, readOwnFile } from '../host/own-file.ts';

export interface LogFile {
  /** Of both parts, in bytes. */
  readonly size: number;
  readonly olderSize: number;
  /** Where the older part begins in all that was ever written, in bytes. */
  readonly begin: number;
  /** Fills the buffer as far as there are bytes from `position` on; answers how many it read. */
  read(buffer: Uint8Array, position: number): number;
  /** False when a part was moved aside since it was opened: then what was read may be of another place. */
  isUnmoved(): boolean;
  close(): void;
}

/** `undefined` when there is no such file. */
export function openLog(file: string): LogFile | undefined {
  const offset = readOffset(file);
  const current = open(file);
  if (current === undefined) return undefined;
  const older = open(olderPart(file));
  const olderSize = older === undefined ? 0 : fstatSync(older).size;
  return {
    size: olderSize + fstatSync(current).size,
    olderSize,
    begin: offset.base - olderSize,
    read: (buffer, position) => {
      if (older === undefined || position >= olderSize)
        return readSync(current, buffer, 0, buffer.length, position - olderSize);
      const first = readSync(older, buffer, 0, Math.min(buffer.length, olderSize - position), position);
      return first + readSync(current, buffer, first, buffer.length - first, 0);
    },
    isUnmoved: () => isSettled(offset) && isSame(offset, readOffset(file)),
    close: () => {
      closeSync(current);
      if (older !== undefined) closeSync(older);
    },
  };
}

export function readOffset(file: string): LogOffset {
  const path = offsetPart(file);
  // Nearly no log has one, and an error costs as much as ten of these looks.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return noOffset;
  const read = readOwnFile(path);
  return read.kind === 'text' ? parseOffset(read.text) : noOffset;
}

/** False while a part is being moved; one whose mover has died will not be. */
export function isSettled({ moving }: LogOffset): boolean {
  return moving === undefined || !existsSync(`/proc/${moving}`);
}

export function isSame(one: LogOffset, other: LogOffset): boolean {
  return one.base === other.base && one.emptied === other.emptied && one.moving === other.moving;
}

function open(file: string): number | undefined {
  try {
    return openToRead(file);
  } catch {
    return undefined;
  }
}
