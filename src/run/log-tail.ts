/** Reads the end of a log without reading the rest. */
import { linesOf } from '../base/logs.ts';
import { lineSplitter, type Look } from './line-splitter.ts';
import { type LogFile, openLog } from './log-file.ts';

const blockBytes = 64 * 1024;

export interface LogTail {
  readonly lines: readonly string[];
  /** What stands after the last newline. */
  readonly partial?: string;
  /** Where the last whole line ends and following goes on, in bytes from the first that was ever written. */
  readonly end: number;
}

/** A part is moved aside within milliseconds; who finds one that takes longer shows what there is. */
const attempts = 50;
const pauseMs = 10;

/** The last `count` lines; all of them for Infinity; none when there is no file. */
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

/** Goes back block by block until enough newlines are behind it. */
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
