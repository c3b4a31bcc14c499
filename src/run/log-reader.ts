/** Reads a growing log piece by piece: over its end into a new part when it was moved aside, from its start when it was cut. */
import { closeSync, readSync, statSync } from 'node:fs';
import { openToRead } from '../disk/own-file.ts';
import { type LineSplitter, lineSplitter, type Look } from './line-splitter.ts';
import { draftPart, olderPart, olderPartId } from './log-file.ts';

export interface LogReader {
  readonly file: string;
  /** Texts of whole lines from the next piece; none when it ends no line; `undefined` when there is nothing new. */
  next(): string[] | undefined;
  /** What has no end yet. */
  rest(): string | undefined;
}

/** A log that is shorter than what was read of it is being rotated, or was cut by somebody; after this it was cut. */
const settleMs = 500;
/** A draft that nobody wrote to for so long was left by somebody who died. */
const staleDraftMs = 2_000;
/** Texts of this length are made and thrown away in the processor's cache; longer ones take three times as long. */
const textBytes = 64 * 1024;

/** From byte `from` on. Each piece is as long as `buffer`, which readers may share. */
export function logReader(file: string, from: number, buffer: Buffer, look: Look): LogReader {
  let position = from;
  let splitter: LineSplitter = lineSplitter(look);
  let older = olderPartId(file);
  let shorterSince: number | undefined;

  const texts = (read: number): string[] => {
    position += read;
    const parts: string[] = [];
    for (let at = 0; at < read; at += textBytes) {
      const text = splitter.push(buffer.subarray(at, Math.min(read, at + textBytes)));
      if (text !== '') parts.push(text);
    }
    return parts;
  };

  const piece = (path: string): string[] | undefined => {
    const read = readAt(path, buffer, position);
    return read === 0 ? undefined : texts(read);
  };

  const fromTheStart = (): string[] => {
    const rest = splitter.rest();
    splitter = lineSplitter(look);
    shorterSince = undefined;
    position = 0;
    const fresh = piece(file) ?? [];
    // What had no end yet gets none.
    return rest === undefined ? fresh : [`${rest}\n`, ...fresh];
  };

  return {
    file,
    rest: () => splitter.rest(),
    next: () => {
      const olderNow = olderPartId(file);
      if (olderNow !== older) {
        // What was not read yet went aside with the rest; the file goes on where that ends.
        const unread = piece(olderPart(file));
        if (unread !== undefined) return unread;
        older = olderNow;
        position = Math.max(0, position - (sizeOf(olderPart(file)) ?? 0));
      }
      const size = sizeOf(file);
      if (size === undefined || size === position) return undefined;
      if (size > position) {
        shorterSince = undefined;
        // Between the loss of its beginning and the new name of that, nothing in the file stands where it did.
        if (isMoving(file)) return undefined;
        const read = readAt(file, buffer, position);
        if (read === 0 || isMoving(file) || olderPartId(file) !== older) return undefined;
        return texts(read);
      }
      const now = performance.now();
      shorterSince ??= now;
      return now - shorterSince < settleMs ? undefined : fromTheStart();
    },
  };
}

function isMoving(file: string): boolean {
  const draft = statSync(draftPart(file), { throwIfNoEntry: false });
  return draft !== undefined && Date.now() - draft.mtimeMs < staleDraftMs;
}

/** Answers how many bytes were read: none where there is no such file yet. */
function readAt(path: string, buffer: Buffer, position: number): number {
  let descriptor: number;
  try {
    descriptor = openToRead(path);
  } catch {
    return 0;
  }
  try {
    return readSync(descriptor, buffer, 0, buffer.length, position);
  } finally {
    closeSync(descriptor);
  }
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}
