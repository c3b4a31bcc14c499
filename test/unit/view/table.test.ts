/** Columns line up in a terminal, whatever they contain. */
import { Chalk } from 'chalk';
import { expect, test } from 'vitest';
import { tableText, widthOf } from '../../../src/view/table.ts';

test('wide names, ticks, emoji and colours keep columns aligned', () => {
  const { green } = new Chalk({ level: 1 });
  expect(
    tableText([
      ['MODEL', 'STATE'],
      ['千问/Qwen3-0.6B', 'ready'],
      ['caf\u{65}\u{301}', `${green('✔')} up`],
      ['🚀', 'a'],
      ['한국어', 'b'],
    ]),
  ).toBe(
    [
      'MODEL            STATE',
      '千问/Qwen3-0.6B  ready',
      `caf\u{65}\u{301}             ${green('✔')} up`,
      '🚀               a',
      '한국어           b',
    ].join('\n'),
  );
});

test('the width of a table is its number of columns', () => {
  expect(widthOf('a\n千问 ✔\nbc')).toBe(6);
});
