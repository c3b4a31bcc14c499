/** Follows log files as they grow; what is shown is read from there, so a slow terminal never slows an engine. */
import { closeSync, type FSWatcher, readSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type LineSplitter, lineSplitter, type Look } from './line-splitter.ts';
import { type LogOffset, olderPart } from '../base/logs.ts';
import { openToRead } from '../host/own-file.ts';
import { isSame, isSettled, readOffset } from './log-file.ts';

/** `from` is where reading begins, in bytes from the first that was ever written. */
interface FollowedLog {
  readonly process: string;
  readonly file: string;
  readonly from: number;
}

export interface LogFollower {
  /**
   * Shows what has been written until now, also lines that have no end yet, and stops following. Where there is room,
   * that has happened when the call returns. Never rejects.
   */
  end(): Promise<void>;
}

export interface LogView {
  /** Gets whole lines, each with its newline, thousands at once where they come fast. */
  readonly onText: (process: string, text: string) => void;
  /** Gets a line that has no end yet, as a progress bar draws it: again and again. */
  readonly onDrawn?: (process: string, line: string) => void;
  /**
   * Asked after every piece of a log: while the answer is a promise, nothing is read, as nobody could take it. What is
   * not read stays in the file and costs no memory. It never rejects.
   */
  readonly room?: () => Promise<void> | undefined;
  /** `plain` where nothing is said. */
  readonly look?: Look;
}

const pieceBytes = 256 * 1024;
/** Then others get their turn: a process that writes without end must not keep its supervisor from supervising. */
const piecesATurn = 4;
/** A safety net for file systems that tell nothing about changes. */
const pollMs = 1_000;
/** At the end, somebody who takes nothing for so long is waited for no longer. */
const lastReadMs = 1_000;

interface Followed {
  readonly process: string;
  readonly reader: LogReader;
}

export function followLogs(logs: readonly FollowedLog[], view: LogView): LogFollower {
  const { onText, onDrawn, room, look = 'plain' } = view;
  const buffer = Buffer.alloc(pieceBytes);
  const followed = logs.map(({ process, file, from }): Followed => {
    return { process, reader: logReader(file, from, buffer, look) };
  });
  let over = false;
  let full: Promise<void> | undefined;

  /** False when there is nothing new. */
  const showPiece = ({ process, reader }: Followed): boolean => {
    const texts = reader.next();
    for (const text of texts ?? []) onText(process, text);
    return texts !== undefined;
  };

  const drain = (one: Followed): void => {
    for (let i = 0; i < piecesATurn; i++) {
      if (over || full !== undefined) return;
      if (!showPiece(one)) {
        const drawn = onDrawn === undefined ? undefined : one.reader.rest();
        if (drawn !== undefined) onDrawn?.(one.process, drawn);
        return;
      }
      waitForRoom();
    }
    setImmediate(() => drain(one));
  };

  const drainAll = (): void => followed.forEach(drain);

  const waitForRoom = (): void => {
    full = room?.();
    if (full !== undefined) void goOnAfter(full);
  };

  const goOnAfter = async (wait: Promise<void>): Promise<void> => {
    await wait;
    full = undefined;
    if (over) return;
    if (watchers.length === 0) watchers = watchAll();
    drainAll();
  };

  const folders = [...new Set(followed.map(({ reader }) => dirname(reader.file)))];
  const watchAll = (): FSWatcher[] =>
    folders.flatMap((folder) =>
      watchFolder(folder, (name) => {
        // Also when a part of it is moved aside.
        for (const one of followed) if (name?.startsWith(basename(one.reader.file)) !== false) drain(one);
      }),
    );
  let watchers = watchAll();
  const unwatch = (): void => {
    for (const watcher of watchers) watcher.close();
    watchers = [];
  };
  // While nobody takes anything, each write of a process would be told to us for nothing.
  const poll = setInterval(() => (full === undefined ? drainAll() : unwatch()), pollMs);
  drainAll();
  return {
    end: async () => {
      if (over) return;
      over = true;
      clearInterval(poll);
      unwatch();
      if (full !== undefined && !(await taken(full))) return;
      for (const one of followed) {
        while (showPiece(one)) {
          const wait = room?.();
          if (wait !== undefined && !(await taken(wait))) return;
        }
        const rest = one.reader.rest();
        if (rest !== undefined) onText(one.process, `${rest}\n`);
      }
      const wait = room?.();
      if (wait !== undefined) await taken(wait);
    },
  };
}

async function taken(full: Promise<void>): Promise<boolean> {
  return await Promise.race([full.then(() => true), delay(lastReadMs, false)]);
}

function watchFolder(folder: string, onChange: (name: string | null) => void): FSWatcher[] {
  try {
    return [watch(folder, (_, name) => onChange(name)).on('error', () => {})];
  } catch {
    return []; // too many watches: the poll remains
  }
}

interface LogReader {
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
