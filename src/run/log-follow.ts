/** Follows log files as they grow; what is shown is read from there, so a slow terminal never slows an engine. */
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Look } from './line-splitter.ts';
import { logReader, type LogReader } from './log-reader.ts';

/** `from` is where reading begins, in bytes from the first that was ever written. */
export interface FollowedLog {
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
