/** The end of a log file. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { logTail } from '../../../src/run/log-file.ts';
import { tempFolder } from '../../support/temp-folder.ts';

function fileOf(content: string | Uint8Array): string {
  const file = join(tempFolder(), 'w.log');
  writeFileSync(file, content);
  return file;
}

test('the last lines, or fewer if there are fewer', () => {
  const file = fileOf('1\n2\n3\n');
  expect(logTail(file, 2)).toEqual({ lines: ['2', '3'], end: 6 });
  expect(logTail(file, 3)).toEqual({ lines: ['1', '2', '3'], end: 6 });
  expect(logTail(file, 99)).toEqual({ lines: ['1', '2', '3'], end: 6 });
  expect(logTail(file, 0)).toEqual({ lines: [], end: 6 });
  expect(logTail(file, Infinity)).toEqual({ lines: ['1', '2', '3'], end: 6 });
});

test('an unfinished line is separate, and following continues before it', () => {
  expect(logTail(fileOf('1\n2\nhalf'), 1)).toEqual({ lines: ['2'], partial: 'half', end: 4 });
  expect(logTail(fileOf('half'), 5)).toEqual({ lines: [], partial: 'half', end: 0 });
});

test('no file and an empty file have no lines', () => {
  expect(logTail(join(tempFolder(), 'missing.log'), 5)).toEqual({ lines: [], end: 0 });
  expect(logTail(fileOf(''), 5)).toEqual({ lines: [], end: 0 });
});

test.each([1, 7, 500, 9_999, 10_000, 10_001])('the last %i lines over several blocks', (count) => {
  const lines = Array.from({ length: 10_000 }, (_, i) => `line ${i} ${'ö'.repeat(i % 40)}`);
  const text = `${lines.join('\n')}\n`;
  const tail = logTail(fileOf(text), count);
  expect(tail.lines).toEqual(lines.slice(-count));
  expect(tail.end).toBe(Buffer.byteLength(text));
});

test('a line longer than a block is complete', () => {
  const long = 'x'.repeat(300_000);
  expect(logTail(fileOf(`before\n${long}\nafter\n`), 2).lines).toEqual([long, 'after']);
});
