/** Reads a growing log piece by piece: on into a new part when the old one was moved aside, from its start when it was cut. */
import { closeSync, readSync, statSync } from 'node:fs';
import { type LogOffset, olderPart } from '../base/logs.ts';
import { openToRead } from '../host/own-file.ts';
import { type LineSplitter, lineSplitter, type Look } from './line-splitter.ts';
import { isSame, isSettled, readOffset } from './log-file.ts';

export interface LogReader {
  readonly file: string;
  /** Texts of whole lines from the next piece; none when it ends no line; `undefined` when there is nothing new. */
  next(): string[] | undefined;
  /** What has no end yet. */
  rest(): string | undefined;
}

/** A file that is shorter than what was read of it may be one that is being emptied; after this somebody cut it. */
const settleMs = 500;
/** Texts of this length are made and thrown away in the processor's cache; longer ones take three times as long. */
const textBytes = 64 * 1024;

/**
 * From byte `from` on, counted from the first that was ever written. Each piece is as long as `buffer`, which readers may
 * share. A part may be moved aside while it is read: what was read is used only when the offset of the log is afterwards
 * what it was before.
 */
export function logReader(file: string, from: number, buffer: Buffer, look: Look): LogReader {
  let position = from;
  let splitter: LineSplitter = lineSplitter(look);
  let known: LogOffset | undefined;
  let shorterSince: number | undefined;
  /** What comes next begins in the middle of a line whose beginning is gone. */
  let skipsToLine = false;

  const texts = (read: number): string[] => {
    position += read;
    const parts: string[] = [];
    let begin = 0;
    if (skipsToLine) {
      const newline = buffer.subarray(0, read).indexOf(0x0a);
      skipsToLine = newline < 0;
      begin = newline < 0 ? read : newline + 1;
    }
    for (let at = begin; at < read; at += textBytes) {
      const text = splitter.push(buffer.subarray(at, Math.min(read, at + textBytes)));
      if (text !== '') parts.push(text);
    }
    return parts;
  };

  /** `undefined` when there was nothing, or a move overtook the read: then it is done again. */
  const piece = (path: string, at: number, offset: LogOffset): string[] | undefined => {
    const read = readAt(path, buffer, at);
    return read === 0 || !isSame(offset, readOffset(file)) ? undefined : texts(read);
  };

  const fromTheStart = (offset: LogOffset): string[] => {
    const rest = splitter.rest();
    splitter = lineSplitter(look);
    shorterSince = undefined;
    position = offset.base;
    const fresh = piece(file, 0, offset) ?? [];
    // What had no end yet gets none.
    return rest === undefined ? fresh : [`${rest}\n`, ...fresh];
  };

  const skipTo = (next: number): void => {
    position = next;
    splitter = lineSplitter(look);
    skipsToLine = true;
  };

  return {
    file,
    rest: () => splitter.rest(),
    next: () => {
      const offset = readOffset(file);
      if (!isSettled(offset)) return undefined;
      // What was read of the file before it was emptied, and is in no part, is gone.
      if (known !== undefined && offset.emptied && !isSame(known, offset))
        position = Math.min(position, offset.base);
      known = offset;
      if (position < offset.base) {
        const older = olderPart(file);
        const olderBegin = offset.base - (sizeOf(older) ?? 0);
        if (position < olderBegin) {
          // Measured in the middle of a move, it would skip what is still there.
          if (!isSame(offset, readOffset(file))) return undefined;
          skipTo(olderBegin);
        }
        const unread = piece(older, position - olderBegin, offset);
        if (unread !== undefined || !isSame(offset, readOffset(file))) return unread;
        position = offset.base;
      }
      const size = sizeOf(file);
      const at = position - offset.base;
      if (size === undefined) return undefined;
      if (size >= at) {
        shorterSince = undefined;
        return size === at ? undefined : piece(file, at, offset);
      }
      const now = performance.now();
      shorterSince ??= now;
      return now - shorterSince < settleMs ? undefined : fromTheStart(offset);
    },
  };
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
