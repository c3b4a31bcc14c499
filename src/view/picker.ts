/** A choice from a list in a terminal: arrow keys or a number, then Enter. */
import { emitKeypressEvents, type Interface, type Key } from 'node:readline';
import type { ChalkInstance } from 'chalk';
import { indexAt } from './wrap.ts';
import { textWidth } from './table.ts';

export interface Pick {
  /** Index of the selected row. */
  readonly at: number;
  /** Digits typed so far. */
  readonly digits: string;
  readonly end?: 'taken' | 'cancelled';
}

/** What a key does; `count` rows are numbered from 1. */
export function pressed(
  { at, digits }: Pick,
  { name = '', ctrl = false, sequence = '' }: Key,
  count: number,
): Pick {
  // With Alt, or Esc and another key that came at once, which a terminal sends alike.
  const afterEscape = sequence.length === 2 && sequence.startsWith('\u001B');
  if (afterEscape || (ctrl && ['c', 'd'].includes(name)) || name === 'escape' || name === 'q')
    return { at, digits, end: 'cancelled' };
  if (name === 'return' || name === 'enter') return { at, digits, end: 'taken' };
  if (name === 'up' || name === 'k') return { at: (at + count - 1) % count, digits: '' };
  if (name === 'down' || name === 'j') return { at: (at + 1) % count, digits: '' };
  if (!/^\d$/.test(sequence)) return { at, digits };
  const [longer, alone] = [Number(digits + sequence), Number(sequence)];
  if (longer >= 1 && longer <= count) return { at: longer - 1, digits: String(longer) };
  return alone >= 1 && alone <= count ? { at: alone - 1, digits: sequence } : { at, digits: '' };
}

/** Index of the chosen row, or `undefined` when the user cancels. Draws on `output` and erases itself at the end. */
export async function pick(
  rows: readonly string[],
  input: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
  style: ChalkInstance,
): Promise<number | undefined> {
  let state: Pick = { at: 0, digits: '' };
  let drawn = 0;
  const draw = (): void => {
    const lines = shownRows(rows, state.at, output.columns, Math.max(1, output.rows - 2), style);
    output.write(`${up(drawn)}${lines.join('\n')}\n`);
    drawn = lines.length;
  };
  // Esc alone counts after this; the 500 ms that it waits for the rest of a sequence by default feel like nothing happened.
  emitKeypressEvents(input, { escapeCodeTimeout: 50 } as unknown as Interface);
  input.setRawMode(true);
  input.resume();
  draw();
  return await new Promise((resolve) => {
    const onKey = (_text: string | undefined, key: Key): void => {
      state = pressed(state, key, rows.length);
      if (state.end === undefined) return draw();
      input.off('keypress', onKey);
      input.setRawMode(false);
      input.pause();
      output.write(up(drawn));
      resolve(state.end === 'taken' ? state.at : undefined);
    };
    input.on('keypress', onKey);
  });
}

/** Moves up by so many lines and erases everything below. */
function up(lines: number): string {
  return lines === 0 ? '' : `\u001B[${lines}A\r\u001B[J`;
}

/** Cut to the screen: a line more would scroll and a wider one would wrap, and the next frame would be misplaced. */
export function shownRows(
  rows: readonly string[],
  at: number,
  width: number,
  height: number,
  style: ChalkInstance,
): string[] {
  const first = Math.min(Math.max(0, at - height + 1), Math.max(0, rows.length - height));
  const numbers = String(rows.length).length;
  return rows.slice(first, first + height).map((row, i) => {
    const index = first + i;
    const text = `${index === at ? '❯' : ' '} ${String(index + 1).padStart(numbers)}  ${row}`;
    const cut = textWidth(text) < width ? text : `${text.slice(0, indexAt(text, width - 2))}…`;
    return index === at ? style.bold.cyan(cut) : cut;
  });
}
