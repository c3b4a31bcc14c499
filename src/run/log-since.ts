/** Reads what one life of a process wrote. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { openToRead } from '../host/own-file.ts';
import { linesOf } from '../base/logs.ts';
import { lineSplitter } from './line-splitter.ts';

/** Whole lines and the last unfinished one, from byte `from` on, but no more than the last `longest` bytes. */
export function linesSince(file: string, from: number, longest: number): string[] {
  let descriptor: number;
  try {
    descriptor = openToRead(file);
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(descriptor);
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
