import { expect, test } from 'vitest';
import { amount, oneOf, onOff, parseFlags, text, whole } from '../../../src/sim/flags.ts';

const table = {
  mode: oneOf(['a', 'b']),
  name: text,
  size: whole(1),
  rate: amount,
  port: whole(0, 65_535),
  on: onOff,
};

test('accepts both ways of writing a value', () => {
  const { values, unknown, problems } = parseFlags(
    ['--mode', 'b', '--name=x=y', '--size', '3', '--rate=0.5', '--on'],
    table,
  );
  expect(values).toEqual({ mode: 'b', name: 'x=y', size: 3, rate: 0.5, on: true });
  expect([unknown, problems]).toEqual([[], []]);
});

test('an unknown flag is reported, its values and stray words are ignored', () => {
  const { values, unknown } = parseFlags(
    ['stray', '--tp', '2', '--seeds', '-1', '-2', '--name', 'n', '--quiet'],
    table,
  );
  expect(unknown).toEqual(['--tp', '--seeds', '--quiet']);
  expect(values.name).toBe('n');
});

test.each([
  ['--mode', 'c'],
  ['--size', '1.5'],
  ['--size', '-1'],
  ['--size', '0'],
  ['--port', '65536'],
  ['--rate', 'fast'],
  ['--name'],
  ['--name', '--on'],
  ['--name='],
])('%s %s is a problem that names the flag', (...argv) => {
  expect(parseFlags(argv, table).problems).toEqual([expect.stringContaining(argv[0]?.split('=')[0] ?? '')]);
});
