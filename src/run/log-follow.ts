/** Follows log files as they grow; what is shown is read from there, so a slow terminal never slows an engine. */
import { closeSync, fstatSync, type FSWatcher, openSync, readSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type LineSplitter, lineSplitter } from './line-splitter.ts';
import { olderPart, olderPartId } from './log-file.ts';

/** `from` is where reading begins, in bytes. */
export interface FollowedLog {
  readonly process: string;
  readonly file: string;
  readonly from: number;
}

export interface LogFollower {
  /** Shows what has been written until now, also lines that have no end yet, and stops following. */
  end(): void;
}

const chunkBytes = 256 * 1024;
/** A safety net for file systems that tell nothing about changes. */
const pollMs = 1_000;

/** A log that is shorter than what was read of it is being rotated, or was cut by somebody; after this it was cut. */
const settleMs = 500;

interface Reader extends FollowedLog {
  position: number;
  splitter: LineSplitter;
  older: number;
  shorterSince: number | undefined;
}

export function followLogs(
  logs: readonly FollowedLog[],
  onLine: (process: string, line: string) => void,
  keepColours = false,
  /** Gets a line that has no end yet, as a progress bar draws it: again and again. */
  onDrawn?: (process: string, line: string) => void,
): LogFollower {
  const readers = logs.map((log): Reader => ({
    ...log,
    position: log.from,
    splitter: lineSplitter(keepColours),
    older: olderPartId(log.file),
    shorterSince: undefined,
  }));
  const buffer = Buffer.alloc(chunkBytes);
  const drain = (reader: Reader): void => {
    readNew(reader, buffer, onLine, keepColours);
    const drawn = onDrawn === undefined ? undefined : reader.splitter.rest();
    if (drawn !== undefined) onDrawn?.(reader.process, drawn);
  };
  const watchers = [...new Set(readers.map(({ file }) => dirname(file)))].flatMap((folder) =>
    watchFolder(folder, (name) => {
      for (const reader of readers) if (name === null || basename(reader.file) === name) drain(reader);
    }),
  );
  const poll = setInterval(() => readers.forEach(drain), pollMs);
  readers.forEach(drain);
  return {
    end: () => {
      clearInterval(poll);
      for (const watcher of watchers) watcher.close();
      for (const reader of readers) {
        drain(reader);
        const rest = reader.splitter.rest();
        if (rest !== undefined) onLine(reader.process, rest);
      }
    },
  };
}

function readNew(
  reader: Reader,
  buffer: Buffer,
  onLine: (process: string, line: string) => void,
  keepColours: boolean,
): void {
  const older = olderPartId(reader.file);
  if (older !== reader.older) {
    // What was not read yet went aside with the rest; the file goes on where that ends.
    const cut = readFrom(reader, olderPart(reader.file), buffer, onLine);
    reader.older = older;
    reader.position -= cut;
    if (reader.position < 0) reader.position = 0;
  }
  const size = sizeOf(reader.file);
  if (size === undefined || size === reader.position) return;
  if (size > reader.position) {
    reader.shorterSince = undefined;
    readFrom(reader, reader.file, buffer, onLine);
    return;
  }
  const now = performance.now();
  reader.shorterSince ??= now;
  if (now - reader.shorterSince < settleMs) return;
  // It was cut: what had no end yet gets none.
  const rest = reader.splitter.rest();
  if (rest !== undefined) onLine(reader.process, rest);
  reader.splitter = lineSplitter(keepColours);
  reader.shorterSince = undefined;
  reader.position = 0;
  readFrom(reader, reader.file, buffer, onLine);
}

/** Reads to the end and moves the position there; answers how long the file is, in bytes. */
function readFrom(
  reader: Reader,
  file: string,
  buffer: Buffer,
  onLine: (process: string, line: string) => void,
): number {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return 0; // not written yet
  }
  try {
    for (let read = -1; read !== 0;) {
      read = readSync(descriptor, buffer, 0, buffer.length, reader.position);
      reader.position += read;
      for (const line of reader.splitter.push(buffer.subarray(0, read))) onLine(reader.process, line);
    }
    return fstatSync(descriptor).size;
  } finally {
    closeSync(descriptor);
  }
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}

function watchFolder(folder: string, onChange: (name: string | null) => void): FSWatcher[] {
  try {
    return [watch(folder, (_, name) => onChange(name)).on('error', () => {})];
  } catch {
    return []; // too many watches: the poll remains
  }
}
