/** When colours are used. */
import { expect, test } from 'vitest';
import { styleFor } from '../../../src/view/style.ts';

const terminal = { isTTY: true, getColorDepth: () => 8 };
const level = (stream: Parameters<typeof styleFor>[0], environment: Record<string, string>): number =>
  styleFor(stream, environment).level;

test('a terminal has the colours it supports, anything else none', () => {
  expect(level(terminal, {})).toBe(2);
  expect(level({ isTTY: true, getColorDepth: () => 24 }, {})).toBe(3);
  expect(level({ isTTY: true, getColorDepth: () => 4 }, {})).toBe(1);
  expect(level({ isTTY: true, getColorDepth: () => 1 }, {})).toBe(0);
  expect(level({}, {})).toBe(0);
  expect(level(terminal, { TERM: 'dumb' })).toBe(0);
});

test('NO_COLOR overrides everything, unless it is empty', () => {
  expect(level(terminal, { NO_COLOR: '1', FORCE_COLOR: '3' })).toBe(0);
  expect(level(terminal, { NO_COLOR: '' })).toBe(2);
});

test.each([
  ['', 1],
  ['1', 1],
  ['true', 1],
  ['2', 2],
  ['3', 3],
  ['0', 0],
  ['false', 0],
])('FORCE_COLOR=%j gives level %i, terminal or not', (value, expected) => {
  expect(level({}, { FORCE_COLOR: value })).toBe(expected);
  expect(level(terminal, { FORCE_COLOR: value })).toBe(expected);
});

test('without colours nothing is added', () => {
  expect(styleFor({}, {}).red.bold('text')).toBe('text');
});
