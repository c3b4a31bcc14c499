/** Breaks lines that are too long for a terminal between words, under their own column, so that tables stay tables. */
import { stripVTControlCharacters } from 'node:util';

/** A column that would be narrower is not worth its place: the rest of the line goes below the first one. */
const narrowest = 24;

/** What is to be pasted must stay on one line, however long: a terminal puts it together again. */
const pasted = /^\s*(fix: |curl |-H '|-d ['{]|Next |Set one: )/;

/** Columns of the terminal behind a stream; as wide as it likes where there is none. */
export function terminalWidth({ isTTY, columns }: { isTTY?: boolean; columns?: number }): number {
  return isTTY === true && columns !== undefined && columns > 0 ? columns : Infinity;
}

/** `width` in characters. A word is never broken. */
export function fitLines(text: string, width: number): string {
  return text
    .split('\n')
    .flatMap((line) => fitLine(line, width))
    .join('\n');
}

function fitLine(line: string, width: number): string[] {
  const visible = stripVTControlCharacters(line);
  if (visible.length <= width || pasted.test(visible)) return [line];
  const below = prefixBelow(visible, width);
  const lines: string[] = [];
  let [current, length] = ['', 0];
  for (const piece of line.split(/( +)/)) {
    const size = stripVTControlCharacters(piece).length;
    if (size > 0 && !piece.startsWith(' ') && length + size > width && length > below.length) {
      lines.push(current.trimEnd());
      [current, length] = [below, below.length];
    }
    current += piece;
    length += size;
  }
  return [...lines, current];
}

/** What stands before the rest of a line: as wide as the columns before its last one, with the bar of a tree. */
function prefixBelow(visible: string, width: number): string {
  const gaps = [...visible.matchAll(/\S {2,}(?=\S)/g)].map(({ index, 0: gap }) => index + gap.length);
  const indent = gaps.findLast((at) => width - at >= narrowest) ?? /^ */.exec(visible)?.[0].length ?? 0;
  const bar = /^[│├]/.test(visible) ? '│' : '';
  return bar.padEnd(Math.max(indent, bar.length));
}
