/** Reads the end of a log file without reading the rest. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { lineSplitter } from './line-splitter.ts';

const blockBytes = 64 * 1024;

export interface LogTail {
  readonly lines: readonly string[];
  /** What stands after the last newline. */
  readonly partial?: string;
  /** Where the last whole line ends and following goes on, in bytes. */
  readonly end: number;
}

/** The last `count` lines; all of them for Infinity; none when there is no file. */
export function logTail(file: string, count: number, keepColours = false): LogTail {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return { lines: [], end: 0 };
  }
  try {
    const end = fstatSync(descriptor).size;
    const begin = beginOfTail(descriptor, end, count);
    const bytes = Buffer.alloc(end - begin);
    const read = readSync(descriptor, bytes, 0, bytes.length, begin);
    const splitter = lineSplitter(keepColours);
    const all = splitter.push(bytes.subarray(0, read));
    const partial = splitter.rest();
    return {
      lines: count === Infinity ? all : count === 0 ? [] : all.slice(-count),
      ...(partial === undefined ? {} : { partial }),
      end: begin + bytes.subarray(0, read).lastIndexOf(0x0a) + 1,
    };
  } finally {
    closeSync(descriptor);
  }
}

/** Goes back block by block until enough newlines are behind it. */
function beginOfTail(descriptor: number, end: number, count: number): number {
  if (count === Infinity) return 0;
  let begin = end;
  for (let newlines = 0; begin > 0 && newlines <= count;) {
    const length = Math.min(blockBytes, begin);
    begin -= length;
    const block = Buffer.alloc(length);
    readSync(descriptor, block, 0, length, begin);
    for (const byte of block) if (byte === 0x0a) newlines++;
  }
  return begin;
}
