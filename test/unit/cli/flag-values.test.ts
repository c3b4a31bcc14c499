/** Numbers and addresses on the command line. */
import { expect, test } from 'vitest';
import { decimalSeconds, longestSeconds, wholeNumber } from '../../../src/cli/flag-values.ts';
import { listenAddress } from '../../../src/host/listen-address.ts';

test.each(['0x1F40', '8e3', ' 80', '80 ', '+80', '-1', '', '80.0', '١٢', '8_0', 'Infinity', '1n'])(
  '%j is not a whole number',
  (text) => expect(wholeNumber(text, 0)).toBeUndefined(),
);

test('whole numbers must be within their limits', () => {
  expect(['0', '1', '64', '65', '0064'].map((text) => wholeNumber(text, 1, 64))).toEqual([
    undefined,
    1,
    64,
    undefined,
    64,
  ]);
});

test('seconds may have a fraction, and must be within the range of timers', () => {
  const texts = ['0', '1.5', String(longestSeconds), String(longestSeconds + 1), '.5', '1.', '1e3', '-1', ''];
  expect(texts.map(decimalSeconds)).toEqual([0, 1.5, longestSeconds, ...Array(6).fill(undefined)]);
});

test.each([
  ['[::1]', '::1'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['::FFFF:127.0.0.1', '::ffff:7f00:1'],
  ['127.0.0.1', '127.0.0.1'],
  ['localhost', 'localhost'],
  ['gpu-7.example.org', 'gpu-7.example.org'],
])('%s is the address %s', (text, address) => expect(listenAddress(text)).toBe(address));

test.each([
  '',
  '[127.0.0.1]',
  '[::1',
  '::1]',
  '::1%lo',
  '127.1',
  '2130706433',
  '0x7f000001',
  '1.2.3.4:80',
  'http://a',
  'a b',
  '-a',
  'a..b',
])('%j is not an address', (text) => expect(listenAddress(text)).toBeUndefined());
