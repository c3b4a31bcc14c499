/** Breaks lines that are too long for a terminal: those of tables under their own column, help as paragraphs and lists. */
import { wrapAnsi } from 'fast-wrap-ansi';
import { stripVTControlCharacters } from 'node:util';
import { textWidth } from './table.ts';

/** A narrower column is not continued under itself: the rest of the line goes below the first column. */
const narrowestColumn = 24;

/** Commands to paste stay on one line, however long: copied from a terminal, they are still one line. */
const pasted = /^\s*(fix: |curl |-H '|-d ['{]|Next |Set one: )/;

/** Columns of the terminal behind a stream; no limit where there is none. */
export function terminalWidth({ isTTY, columns }: { isTTY?: boolean; columns?: number }): number {
  return isTTY === true && columns !== undefined && columns > 0 ? columns : Infinity;
}

/** A colour, or a character with its accents. */
// oxlint-disable-next-line no-control-regex -- colours begin with one
const signs = /\u001B\[[\d;]*m|\P{M}\p{M}*/gu;

/** Where in a text the part ends that fits into so many columns. */
export function indexAt(text: string, columns: number): number {
  let width = 0;
  for (const { 0: sign, index } of text.matchAll(signs)) {
    width += textWidth(sign);
    if (width > columns) return index;
  }
  return text.length;
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

/** The width of all columns of a line but the last one. */
function indentBelow(visible: string, width: number): number {
  return (
    [...visible.matchAll(/\S {2,}(?=\S)/g)]
      .map(({ index, 0: gap }) => textWidth(visible.slice(0, index + gap.length)))
      .findLast((at) => width - at >= narrowestColumn) ?? textWidth(/^ */.exec(visible)?.[0] ?? '')
  );
}

/** In a narrower terminal, help would have one word per line. */
const narrowestHelp = 40;

/** For the text of --help. What fits stays as it is; long explanations of examples go below them. `width` in columns. */
export function fitHelp(text: string, width: number): string {
  const room = Math.max(width, narrowestHelp);
  return blocksOf(text.split('\n'))
    .flatMap((block) => (block.every((line) => textWidth(line) <= room) ? block : fitBlock(block, room)))
    .join('\n');
}

/** The lines of one paragraph together, and those of one list, so that the whole list has one layout. */
function blocksOf(lines: readonly string[]): string[][] {
  const blocks: string[][] = [];
  for (const line of lines) {
    const last = blocks.at(-1);
    const before = last?.[0] ?? '';
    if (last !== undefined && [isProse, isItem].some((is) => is(line) && is(before))) last.push(line);
    else blocks.push([line]);
  }
  return blocks;
}

/** A heading ends with its colon. */
function isProse(line: string): boolean {
  return /^\S.*[^:]$/.test(line);
}

function isItem(line: string): boolean {
  return /^ {2}\S/.test(line);
}

function fitBlock(block: readonly string[], room: number): string[] {
  if (isProse(block[0] ?? '')) return wrap(block.join(' '), room, '');
  return block.flatMap((line) => {
    // An example, and two spaces or more before what it does.
    const [, command, what] = /^( {2}\S.*?) {2,}(\S.*)$/.exec(line) ?? [];
    return command === undefined || what === undefined ? [line] : [command, ...wrap(what, room, '      ')];
  });
}

function wrap(text: string, room: number, indent: string): string[] {
  return wrapAnsi(text, room - indent.length)
    .split('\n')
    .map((line) => indent + line);
}
