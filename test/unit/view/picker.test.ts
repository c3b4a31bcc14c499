import { describe, expect, it } from 'vitest';
import { Chalk } from 'chalk';
import { type Pick, pressed, shownRows } from '../../../src/view/picker.ts';

/** Keys as Node names them; digits have no name. */
function after(keys: readonly string[], count = 12): Pick {
  return keys.reduce<Pick>(
    (state, key) =>
      pressed(state, key === '^C' ? { name: 'c', ctrl: true } : { name: key, sequence: key }, count),
    { at: 0, digits: '' },
  );
}

describe('a choice in a terminal', () => {
  it('moves with the arrow keys, and wraps around at both ends', () => {
    expect(after(['down', 'down', 'up']).at).toBe(1);
    expect(after(['up']).at).toBe(11);
    expect(after(['up', 'down']).at).toBe(0);
  });

  it('goes to the row whose number is typed, with two digits as well', () => {
    expect(after(['5']).at).toBe(4);
    expect(after(['1', '2']).at).toBe(11);
    expect(after(['1', '3']).at).toBe(2);
    expect(after(['0']).at).toBe(0);
  });

  it('starts a new number after an arrow key', () => {
    expect(after(['1', 'down', '2']).at).toBe(1);
  });

  it('selects the row with Enter; Escape, q and Ctrl-C cancel', () => {
    expect(after(['3', 'return'])).toMatchObject({ at: 2, end: 'taken' });
    for (const key of ['escape', 'q', '^C']) expect(after([key]).end).toBe('cancelled');
    expect(after(['down']).end).toBeUndefined();
  });

  it('truncates rows that would wrap, and counts wide characters twice', () => {
    const rows = ['qwen  千问千问千问', 'llama  small'];
    const shown = (width: number): string[] => shownRows(rows, 1, width, 5, new Chalk({ level: 0 }));
    expect(shown(24)).toEqual(['  1  qwen  千问千问千问', '❯ 2  llama  small']);
    expect(shown(23)).toEqual(['  1  qwen  千问千问千…', '❯ 2  llama  small']);
  });
});
