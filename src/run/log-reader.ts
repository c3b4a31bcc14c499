/** Reads a growing log piece by piece: over its end into a new part when it was moved aside, from its start when it was cut. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { type LineSplitter, lineSplitter } from './line-splitter.ts';
import { draftPart, olderPart, olderPartId } from './log-file.ts';

export interface LogReader {
  readonly file: string;
  /** Lines of the next piece; none when a piece has no end of a line; `undefined` when there is nothing new. */
  next(): string[] | undefined;
  /** What has no end yet. */
  rest(): string | undefined;
}

/** A log that is shorter than what was read of it is being rotated, or was cut by somebody; after this it was cut. */
const settleMs = 500;
/** A draft that nobody wrote to for so long was left by somebody who died. */
const staleDraftMs = 2_000;

/** From byte `from` on. Each piece is as long as `buffer`, which readers may share. */
export function logReader(file: string, from: number, buffer: Buffer, keepColours: boolean): LogReader {
  let position = from;
  let splitter: LineSplitter = lineSplitter(keepColours);
  let older = olderPartId(file);
  let shorterSince: number | undefined;

  const piece = (path: string): string[] | undefined => {
    const read = readAt(path, buffer, position);
    position += read;
    return read === 0 ? undefined : splitter.push(buffer.subarray(0, read));
  };

  const fromTheStart = (): string[] => {
    const rest = splitter.rest();
    splitter = lineSplitter(keepColours);
    shorterSince = undefined;
    position = 0;
    const lines = piece(file) ?? [];
    // What had no end yet gets none.
    return rest === undefined ? lines : [rest, ...lines];
  };

  return {
    file,
    rest: () => splitter.rest(),
    next: () => {
      const olderNow = olderPartId(file);
      if (olderNow !== older) {
        // What was not read yet went aside with the rest; the file goes on where that ends.
        const lines = piece(olderPart(file));
        if (lines !== undefined) return lines;
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
        position += read;
        return splitter.push(buffer.subarray(0, read));
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
    descriptor = openSync(path, 'r');
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
