/** Splitting the bytes of a log into lines, whatever a process writes. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { linesOf } from '../../../src/base/logs.ts';
import { lineSplitter, type Look } from '../../../src/run/line-splitter.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

function split(text: string | Uint8Array, look: Look = 'plain'): (string | undefined)[] {
  const splitter = lineSplitter(look);
  const lines = linesOf(splitter.push(typeof text === 'string' ? bytes(text) : text));
  return [...lines, splitter.rest()];
}

test('lines end at newlines, the rest is kept', () => {
  expect(split('a\n\nb\nc')).toEqual(['a', '', 'b', 'c']);
  expect(split('a\n')).toEqual(['a', undefined]);
  expect(split('')).toEqual([undefined]);
});

test('Windows line endings are stripped', () => {
  expect(split('a\r\nb\r\n')).toEqual(['a', 'b', undefined]);
});

test('only the last state of a progress bar is kept', () => {
  expect(split('\r 10%\r 50%\r100%\ndone\n')).toEqual(['100%', 'done', undefined]);
  expect(split(' 10%\r 50%\r')).toEqual([' 50%']);
  expect(split(' 50%\r100%\r\r\n')).toEqual(['100%', undefined]);
});

test('colours and other control sequences are removed, or kept', () => {
  expect(split('\u001b[31mred\u001b[0m \u001b]8;;http://x\u0007link\u001b]8;;\u0007\n')).toEqual([
    'red link',
    undefined,
  ]);
  expect(split('\u001b[31mred\u001b[0m\n', 'coloured')).toEqual(['\u001b[31mred\u001b[0m', undefined]);
});

test.each<[string, Look, string]>([
  [
    'bell \u0007, back \b, nothing \0, delete \u007f',
    'plain',
    'bell \\x07, back \\x08, nothing \\x00, delete \\x7f',
  ],
  ['a\tb \u000e\u000f\u0005 \u009b31mö\u0085', 'plain', 'a\tb \\x0e\\x0f\\x05 ö\\x85'],
  ['an escape that leads nowhere \u001b', 'plain', 'an escape that leads nowhere \\x1b'],
  ['\u001b[31mred\u001b[0m\u001b[2J \u001b]0;title\u0007\b', 'coloured', '\u001b[31mred\u001b[0m \\x08'],
  ['10%\r\u001b[31m\u0007\b\u009b2J', 'raw', '10%\r\u001b[31m\u0007\b\u009b2J'],
])('control characters: %j, %s', (written, look, shown) => {
  expect(split(`${written}\n`, look)).toEqual([shown, undefined]);
  expect(split(written, look)).toEqual([shown]);
  expect(split(`ASCII before\n${written}\nö\n`, look)).toEqual(['ASCII before', shown, 'ö', undefined]);
});

test('invalid UTF-8 becomes replacement characters and loses no line', () => {
  expect(split(Buffer.from([0x61, 0xff, 0xfe, 0x62, 0x0a, 0xc3, 0x28, 0x0a]))).toEqual([
    'a\ufffd\ufffdb',
    '\ufffd(',
    undefined,
  ]);
});

test('a line of a megabyte is complete if it ends, and split if it never does', () => {
  const long = 'x'.repeat(1024 * 1024);
  expect(split(`${long}\n`)).toEqual([long, undefined]);
  const splitter = lineSplitter();
  expect(splitter.push(bytes(long))).toBe('');
  expect(splitter.push(bytes('yy'))).toBe(`${long}yy\n`);
  expect(splitter.push(bytes('z\n'))).toBe('z\n');
});

test('the lines are the same however the bytes are split', () => {
  const text = fc.array(fc.constantFrom('a', 'ö', '😀', '\n', '\r', '\r\n', '\u001b[1m'), { maxLength: 30 });
  fc.assert(
    fc.property(text, fc.array(fc.nat(60)), (parts, cuts) => {
      const all = bytes(parts.join(''));
      const splitter = lineSplitter();
      const at = [0, ...cuts.filter((cut) => cut < all.length).toSorted((a, b) => a - b), all.length];
      const lines = at.slice(1).flatMap((end, i) => linesOf(splitter.push(all.subarray(at[i], end))));
      expect([...lines, splitter.rest()]).toEqual(split(all));
    }),
    { numRuns: 80 },
  );
});
