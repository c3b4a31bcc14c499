/** Follows log files as they grow. Output is read from the files, so a slow terminal never slows down an engine. */
import { closeSync, type FSWatcher, readSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type LineSplitter, lineSplitter, type Look } from './line-splitter.ts';
import { type LogOffset, olderPart } from '../base/logs.ts';
import { openToRead } from '../host/own-file.ts';
import { isSame, isSettled, readOffset } from './log-file.ts';

/** `from` is where reading begins, in bytes since the log began. */
export interface FollowedLog {
  readonly process: string;
  readonly file: string;
  readonly from: number;
}

export interface LogFollower {
  /** Follows this one, too. It is in a folder of the others. */
  add(log: FollowedLog): void;
  /**
   * Shows what has been written so far, including incomplete lines, and stops following. If there is room, this is done when
   * the call returns. Never rejects.
   */
  end(): Promise<void>;
}

export interface LogView {
  /** Receives complete lines, each with its newline; thousands per call if they come fast. */
  readonly onText: (process: string, text: string) => void;
  /** Receives an incomplete line, again for each change, as a progress bar draws it. */
  readonly onDrawn?: (process: string, line: string) => void;
  /**
   * Called after every piece of a log: while the returned promise is pending, nothing is read. Unread data stays in the file
   * and costs no memory. The promise never rejects.
   */
  readonly room?: () => Promise<void> | undefined;
  /** Default: `plain`. */
  readonly look?: Look;
}

const pieceBytes = 48 * 1024;
/** Yields after this many pieces: a process that writes without pause must not keep its supervisor busy. */
const piecesATurn = 4;
/** A fallback for file systems that do not report changes: a poll that finds nothing doubles the pause up to the longest. */
const pollMs = 1_000;
const longestPollMs = 4_000;
/** After this time without room, notifications are switched off: a process that writes fast causes thousands a second. */
const stalledMs = 20;
/** At the end, how long to wait for a reader that accepts nothing. */
const lastReadMs = 1_000;

interface Followed {
  readonly process: string;
  readonly reader: LogReader;
}

export function followLogs(logs: readonly FollowedLog[], view: LogView): LogFollower {
  const { onText, onDrawn, room, look = 'plain' } = view;
  const buffer = Buffer.alloc(pieceBytes);
  const opened = ({ process, file, from }: FollowedLog): Followed => {
    return { process, reader: logReader(file, from, buffer, look) };
  };
  const followed = logs.map(opened);
  let over = false;
  let full: Promise<void> | undefined;
  let stalled: NodeJS.Timeout | undefined;
  /** Pieces shown so far. */
  let shown = 0;

  /** False if there is nothing new. */
  const showPiece = ({ process, reader }: Followed): boolean => {
    const texts = reader.next();
    for (const text of texts ?? []) onText(process, text);
    if (texts !== undefined) shown++;
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
    if (full === undefined) return;
    stalled = setTimeout(unwatch, stalledMs);
    void continueAfter(full);
  };

  const continueAfter = async (wait: Promise<void>): Promise<void> => {
    await wait;
    clearTimeout(stalled);
    full = undefined;
    if (over) return;
    if (watchers.length === 0) watchers = watchAll();
    drainAll();
  };

  const folders = [...new Set(followed.map(({ reader }) => dirname(reader.file)))];
  const watchAll = (): FSWatcher[] =>
    folders.flatMap((folder) =>
      watchFolder(folder, (name) => {
        // Also when it is rotated.
        for (const one of followed) if (name?.startsWith(basename(one.reader.file)) !== false) drain(one);
      }),
    );
  let watchers = watchAll();
  const unwatch = (): void => {
    for (const watcher of watchers) watcher.close();
    watchers = [];
  };
  let poll: NodeJS.Timeout | undefined;
  const pollAfter = (ms: number): void => {
    poll = setTimeout(() => {
      const before = shown;
      if (full === undefined) drainAll();
      pollAfter(full !== undefined || shown > before ? pollMs : Math.min(ms * 2, longestPollMs));
    }, ms);
  };
  pollAfter(pollMs);
  drainAll();
  return {
    add: (log) => {
      if (followed.some(({ reader }) => reader.file === log.file)) return;
      const one = opened(log);
      followed.push(one);
      drain(one);
    },
    end: async () => {
      if (over) return;
      over = true;
      clearTimeout(poll);
      clearTimeout(stalled);
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
    return []; // Too many watches; polling still works.
  }
}

interface LogReader {
  readonly file: string;
  /** The complete lines in the next piece; none if it completes no line; `undefined` if there is nothing new. */
  next(): string[] | undefined;
  /** The incomplete line at the end. */
  rest(): string | undefined;
}

/** A file that is shorter than what was read may be in the middle of a rotation; after this time, it was truncated. */
const settleMs = 500;
/** Texts of this length stay in the CPU cache; longer ones take three times as long. */
const textBytes = 64 * 1024;

/**
 * Reads a growing log piece by piece: continues in the new file after a rotation, and from the start after a truncation. Starts
 * at byte `from` since the log began. Each piece is as long as `buffer`, which readers may share. The log may be rotated
 * while it is read: the bytes are used only if its offset is the same afterwards.
 */
export function logReader(file: string, from: number, buffer: Buffer, look: Look): LogReader {
  let position = from;
  let splitter: LineSplitter = lineSplitter(look);
  let known: LogOffset | undefined;
  let shorterSince: number | undefined;
  /** The next bytes are in the middle of a line whose start is gone. */
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

  /** `undefined` if there was nothing, or if the log was rotated during the read: then the read is repeated. */
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
    // The incomplete line will not be completed.
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
      // Bytes that were read before the file was truncated, and are in neither part, are gone.
      if (known !== undefined && offset.emptied && !isSame(known, offset))
        position = Math.min(position, offset.base);
      known = offset;
      if (position < offset.base) {
        const older = olderPart(file);
        const olderBegin = offset.base - (sizeOf(older) ?? 0);
        if (position < olderBegin) {
          // In the middle of a rotation, this would skip bytes that still exist.
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

/** Returns how many bytes were read: 0 if the file does not exist yet. */
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
