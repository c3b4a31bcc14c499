/** Follows log files as they grow; what is shown is read from there, so a slow terminal never slows an engine. */
import { closeSync, type FSWatcher, openSync, readSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { type LineSplitter, lineSplitter } from './line-splitter.ts';

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

interface Reader extends FollowedLog {
  position: number;
  splitter: LineSplitter;
}

export function followLogs(
  logs: readonly FollowedLog[],
  onLine: (process: string, line: string) => void,
  keepColours = false,
): LogFollower {
  const readers = logs.map((log): Reader => ({
    ...log,
    position: log.from,
    splitter: lineSplitter(keepColours),
  }));
  const buffer = Buffer.alloc(chunkBytes);
  const drain = (reader: Reader): void => readNew(reader, buffer, onLine, keepColours);
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
  let descriptor: number;
  try {
    const { size } = statSync(reader.file);
    if (size < reader.position) {
      // It was cut or rotated: what had no end yet gets none.
      const rest = reader.splitter.rest();
      if (rest !== undefined) onLine(reader.process, rest);
      reader.position = 0;
      reader.splitter = lineSplitter(keepColours);
    }
    if (size === reader.position) return;
    descriptor = openSync(reader.file, 'r');
  } catch {
    return; // not written yet
  }
  try {
    for (let read = -1; read !== 0;) {
      read = readSync(descriptor, buffer, 0, buffer.length, reader.position);
      reader.position += read;
      for (const line of reader.splitter.push(buffer.subarray(0, read))) onLine(reader.process, line);
    }
  } finally {
    closeSync(descriptor);
  }
}

function watchFolder(folder: string, onChange: (name: string | null) => void): FSWatcher[] {
  try {
    return [watch(folder, (_, name) => onChange(name)).on('error', () => {})];
  } catch {
    return []; // too many watches: the poll remains
  }
}
