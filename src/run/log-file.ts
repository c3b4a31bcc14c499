/** Reads a log as one sequence of bytes, whether or not it was rotated: its end, or what was written since a position. */
import { closeSync, existsSync, fstatSync, readSync, statSync } from 'node:fs';
import { linesOf, type LogOffset, noOffset, offsetPart, olderPart, parseOffset } from '../base/logs.ts';
import { openToRead, readOwnFile } from '../host/own-file.ts';
import { lineSplitter, type Look } from './line-splitter.ts';

interface LogFile {
  /** Of both parts, in bytes. */
  readonly size: number;
  readonly olderSize: number;
  /** Offset of the older part in everything that was ever written, in bytes. */
  readonly begin: number;
  /** Fills the buffer with the bytes from `position` on; returns how many it read. */
  read(buffer: Uint8Array, position: number): number;
  /** False if the log was rotated since it was opened: then the bytes may be from another position. */
  isUnmoved(): boolean;
  close(): void;
}

/** `undefined` if there is no such file. */
function openLog(file: string): LogFile | undefined {
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
  // Few logs have an offset, and an error costs as much as ten of these calls.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return noOffset;
  const read = readOwnFile(path);
  return read.kind === 'text' ? parseOffset(read.text) : noOffset;
}

/** False while the log is being rotated, unless the process that rotates it has died. */
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

const blockBytes = 64 * 1024;

interface LogTail {
  readonly lines: readonly string[];
  /** The text after the last newline. */
  readonly partial?: string;
  /** Where the last complete line ends, which is where following continues: in bytes since the log began. */
  readonly end: number;
}

/** A rotation takes milliseconds; if it takes longer, what was read is used. */
const attempts = 50;
const pauseMs = 10;

/** For people who wait: the end of the log of each of these processes, by name. */
export function lastLineOf(
  processes: readonly { readonly name: string; readonly logFile: string }[],
): (name: string) => string | undefined {
  const files = new Map(processes.map(({ name, logFile }) => [name, logFile]));
  return (name) => logTail(files.get(name) ?? '', 1).lines[0];
}

/** The last `count` lines; all of them for Infinity; none if there is no file. */
export function logTail(file: string, count: number, look: Look = 'plain'): LogTail {
  for (let attempt = 1; ; attempt++) {
    const log = openLog(file);
    if (log === undefined) return { lines: [], end: 0 };
    try {
      const tail = tailOf(log, count, look);
      if (log.isUnmoved() || attempt === attempts) return tail;
    } finally {
      log.close();
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
  }
}

function tailOf(log: LogFile, count: number, look: Look): LogTail {
  const begin = beginOfTail(log, count);
  const bytes = Buffer.alloc(log.size - begin);
  const read = log.read(bytes, begin);
  const splitter = lineSplitter(look);
  const all = linesOf(splitter.push(bytes.subarray(0, read)));
  const partial = splitter.rest();
  const end = begin + bytes.subarray(0, read).lastIndexOf(0x0a) + 1;
  return {
    lines: count === Infinity ? all : count === 0 ? [] : all.slice(-count),
    ...(partial === undefined ? {} : { partial }),
    end: Math.max(0, log.begin + end),
  };
}

/** Goes back block by block until there are enough newlines. */
function beginOfTail(log: LogFile, count: number): number {
  if (count === Infinity) return 0;
  let begin = log.size;
  for (let newlines = 0; begin > 0 && newlines <= count;) {
    const length = Math.min(blockBytes, begin);
    begin -= length;
    const block = Buffer.alloc(length);
    log.read(block, begin);
    for (const byte of block) if (byte === 0x0a) newlines++;
  }
  return begin;
}

/**
 * The lines from byte `from` to byte `until`, including an incomplete last one, but at most the last `longest` bytes. By default, to
 * the end.
 */
export function linesSince(file: string, from: number, longest: number, until = Infinity): string[] {
  let descriptor: number;
  try {
    descriptor = openToRead(file);
  } catch {
    return [];
  }
  try {
    const size = Math.min(fstatSync(descriptor).size, until);
    const begin = Math.max(from <= size ? from : 0, size - longest);
    const bytes = Buffer.alloc(size - begin);
    const read = readSync(descriptor, bytes, 0, bytes.length, begin);
    const splitter = lineSplitter();
    const lines = linesOf(splitter.push(bytes.subarray(0, read)));
    const rest = splitter.rest();
    return rest === undefined ? lines : [...lines, rest];
  } finally {
    closeSync(descriptor);
  }
}
