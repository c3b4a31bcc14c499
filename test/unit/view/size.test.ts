/** Amounts of memory as text. */
import { expect, test } from 'vitest';
import { bytesText } from '../../../src/view/size.ts';

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [64 * 2 ** 20, '64 MiB'],
  [8.5 * 2 ** 30, '8.5 GiB'],
  [141 * 2 ** 30, '141 GiB'],
  [2 ** 40, '1.0 TiB'],
])('%i bytes are %s', (bytes, text) => expect(bytesText(bytes)).toBe(text));
