/** Amounts as people write them. */
import { expect, test } from 'vitest';
import { countText, diskText, gibText, memoryText } from '../../../src/base/units.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [64 * 2 ** 20, '64 MiB'],
  [8.5 * 2 ** 30, '8.5 GiB'],
  [141 * 2 ** 30, '141 GiB'],
  [2 ** 40, '1.0 TiB'],
])('%i bytes of memory are %s', (bytes, text) => expect(memoryText(bytes)).toBe(text));

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [336_000_000, '336 MB'],
  [10_340_000_000, '10.3 GB'],
  [2_000_000_000_000, '2.0 TB'],
])('%i bytes of disk are %s', (bytes, text) => expect(diskText(bytes)).toBe(text));

test('GPU memory has one decimal place', () => {
  expect(gibText(71 * 1024)).toBe('71.0 GiB');
  expect(gibText(615)).toBe('0.6 GiB');
});

test.each([
  [1, 'key', '1 key'],
  [3, 'key', '3 keys'],
  [2, 'process', '2 processes'],
])('%i of %s are %s', (count, thing, text) => expect(countText(count, thing)).toBe(text));
