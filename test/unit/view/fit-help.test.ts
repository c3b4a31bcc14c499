/** Help text wrapped to the width of a terminal. */
import { expect, test } from 'vitest';
import { fitHelp } from '../../../src/view/fit-help.ts';

const help = `Usage: dynamo ps [options]

Examples:
  dynamo ps         what is up
  dynamo ps --json  for programs, with everything that there is to know

The first line of a paragraph,
and a second one that is too long for a narrow terminal.
`;

test('lines that fit are unchanged', () => {
  expect(fitHelp(help, 80)).toBe(help);
});

test('other lines are moved below their example, and paragraphs are wrapped', () => {
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
