/** Breaks lines that are too long for a terminal between words, under their own column, so that tables stay tables. */
import { stripVTControlCharacters } from 'node:util';
import { wrapAnsi } from 'fast-wrap-ansi';
import { indexAt, textWidth } from './text-width.ts';

/** A column that would be narrower is not worth its place: the rest of the line goes below the first one. */
const narrowest = 24;

/** What is to be pasted must stay on one line, however long: a terminal puts it together again. */
const pasted = /^\s*(fix: |curl |-H '|-d ['{]|Next |Set one: )/;

/** Columns of the terminal behind a stream; as wide as it likes where there is none. */
export function terminalWidth({ isTTY, columns }: { isTTY?: boolean; columns?: number }): number {
  return isTTY === true && columns !== undefined && columns > 0 ? columns : Infinity;
}

/** `width` in columns. A word is never broken. */
export function fitLines(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => fitLine(line, width))
    .join('\n');
}

function fitLine(line: string, width: number): string {
  const visible = stripVTControlCharacters(line);
  if (textWidth(visible) <= width || pasted.test(visible)) return line;
  const indent = indentBelow(visible, width);
  const bar = /^[│├]/.test(visible) ? '│' : '';
  const begin = indexAt(line, indent);
  const wrapped = wrapAnsi(line.slice(begin), width - indent);
  return line.slice(0, begin) + wrapped.replaceAll('\n', `\n${bar.padEnd(Math.max(indent, bar.length))}`);
}

/** As wide as the columns of a line before its last one. */
function indentBelow(visible: string, width: number): number {
  return (
    [...visible.matchAll(/\S {2,}(?=\S)/g)]
      .map(({ index, 0: gap }) => textWidth(visible.slice(0, index + gap.length)))
      .findLast((at) => width - at >= narrowest) ?? textWidth(/^ */.exec(visible)?.[0] ?? '')
  );
}
