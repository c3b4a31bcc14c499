/** Golden text of errors, tables, durations and log prefixes, without colour. */
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { DynamoError } from '../../../src/base/error.ts';
import { durationText } from '../../../src/base/duration.ts';
import { errorText, styleFor } from '../../../src/view/style.ts';
import { logTextShower } from '../../../src/view/log-lines.ts';
import { tableText } from '../../../src/view/table.ts';

const plain = styleFor({}, {});
const coloured = styleFor({}, { FORCE_COLOR: '1' });

test('an error shows what failed, the evidence, and one fix', () => {
  const error = new DynamoError('busy', 'Port 8000 is held by pid 7.', {
    details: ['  one', '  two'],
    hint: 'kill 7',
  });
  expect(errorText(error, plain)).toBe('error: Port 8000 is held by pid 7.\n  one\n  two\nfix: kill 7\n');
  expect(errorText(new DynamoError('internal', 'Broken.'), plain)).toBe('error: Broken.\n');
});

test('columns are as wide as their widest cell, colours have no width, and lines have no trailing blanks', () => {
  const rows = [
    ['RUN', 'STATE', 'URL'],
    [coloured.bold('a'), coloured.green('ready'), 'http://127.0.0.1:8000'],
    ['longer', 'ö', ''],
  ];
  expect(stripVTControlCharacters(tableText(rows))).toBe(
    'RUN     STATE  URL\na       ready  http://127.0.0.1:8000\nlonger  ö',
  );
  expect(tableText([])).toBe('');
});

test.each([
  [-5, '0 ms'],
  [0, '0 ms'],
  [840.4, '840 ms'],
  [999.7, '1.0 s'],
  [1_000, '1.0 s'],
  [4_230, '4.2 s'],
  [59_940, '59.9 s'],
  [59_960, '1 min 0 s'],
  [60_000, '1 min 0 s'],
  [200_000, '3 min 20 s'],
  [3_599_000, '59 min 59 s'],
  [3_599_999, '1 h 0 min'],
  [7_500_000, '2 h 5 min'],
  [47.9 * 3_600_000, '47 h 54 min'],
  [76 * 3_600_000, '3 d 4 h'],
])('%i ms are shown as %j', (ms, text) => expect(durationText(ms)).toBe(text));

test('log lines start with the aligned name of their process', () => {
  const show = logTextShower(['frontend', 'w'], plain, true);
  expect([show('frontend', 'hello\n'), show('w', '\n'), show('stranger', 'x\n')]).toEqual([
    'frontend | hello\n',
    'w        | \n',
    'stranger | x\n',
  ]);
  expect(logTextShower(['w'], plain, false)('w', 'alone\n')).toBe('alone\n');
});

test('each of several lines has the name, and JSON lines become text', () => {
  const show = logTextShower(['w'], plain, true);
  const json = '{"level":"info","message":"serving","port":8000}';
  expect(show('w', `one\n\n${json}\nfour\n`)).toBe('w | one\nw | \nw |  INFO serving port=8000\nw | four\n');
  expect(show('w', '')).toBe('');
});

test('neighbouring names have different colours', () => {
  const show = logTextShower(['a', 'b'], coloured, true);
  expect(show('a', 'x\n').replace('a', 'b')).not.toBe(show('b', 'x\n'));
});
