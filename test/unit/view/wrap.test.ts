/** Long lines are broken between words: tables under their column, help as lists and paragraphs. */
import { Chalk } from 'chalk';
import { expect, test } from 'vitest';
import { fitLines, terminalWidth, fitHelp } from '../../../src/view/wrap.ts';

test('the last column continues below itself', () => {
  expect(
    fitLines('PROFILE  WHAT IT IS\nagg      One worker behind the frontend, the smallest deployment', 44),
  ).toBe(
    [
      'PROFILE  WHAT IT IS',
      'agg      One worker behind the frontend, the',
      '         smallest deployment',
    ].join('\n'),
  );
});

test('a tree keeps its bar, and words are never broken', () => {
  expect(fitLines('├─ prefill  a b c d e f g h i j k l m n o p', 36)).toBe(
    '├─ prefill  a b c d e f g h i j k l\n│           m n o p',
  );
  expect(fitLines(`│    node ${'x'.repeat(60)}`, 40)).toBe(`│    node\n│    ${'x'.repeat(60)}`);
});

test('colours have no width', () => {
  const style = new Chalk({ level: 1 });
  const line = `${style.bold('engine')}  ${style.dim('this host has no NVIDIA GPU at all')}`;
  expect(fitLines(line, 42)).toBe(line);
  expect(fitLines(line, 36)).toBe(line.replace(' at all', '\n        at all'));
});

test('commands stay on one line', () => {
  for (const line of [
    '      fix: rm a/b   # unless it is of a container',
    '    -d \'{"a": "b c d e f g h"}\'',
  ])
    expect(fitLines(line, 20)).toBe(line);
});

test('without a terminal there is no width', () => {
  expect(terminalWidth({ columns: 80 })).toBe(Infinity);
  expect(terminalWidth({ isTTY: true, columns: 80 })).toBe(80);
  expect(fitLines('a '.repeat(500), terminalWidth({}))).toBe('a '.repeat(500));
});

test('wide characters count twice, a tick once', () => {
  expect(fitLines('模型    千问三 千问三 千问三 千问三 千问三', 40)).toBe(
    '模型    千问三 千问三 千问三 千问三\n        千问三',
  );
  expect(fitLines('✔ a b c d e f g h i j k l m', 25)).toBe('✔ a b c d e f g h i j k l\nm');
});

const help = `Usage: dynamo ps [options]

Examples:
  dynamo ps         what is up
  dynamo ps --json  for programs, with everything that there is to know

The first line of a paragraph,
and a second one that is too long for a narrow terminal.
`;

test('help that fits is not changed', () => {
  expect(fitHelp(help, 80)).toBe(help);
});

test('longer help goes below its example, and paragraphs are wrapped', () => {
  expect(fitHelp(help, 50)).toBe(`Usage: dynamo ps [options]

Examples:
  dynamo ps
      what is up
  dynamo ps --json
      for programs, with everything that there is
      to know

The first line of a paragraph, and a second one
that is too long for a narrow terminal.
`);
});

test('a command is never broken', () => {
  const command = `  dynamo up agg --set components.worker.replicas=2 --engine sim`;
  expect(fitHelp(`Examples:\n${command}\n`, 40)).toBe(`Examples:\n${command}\n`);
});

test('wide characters count twice', () => {
  const line = '  dynamo up agg  千问三千问三 千问三千问三 千问三';
  expect(fitHelp(line, 50)).toBe(line);
  expect(fitHelp(line, 44)).toBe('  dynamo up agg\n      千问三千问三 千问三千问三 千问三');
});
