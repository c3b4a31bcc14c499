/** Makes help fit a terminal: what stands beside an example moves under it, and paragraphs are wrapped anew. */
import { wrapAnsi } from 'fast-wrap-ansi';
import { textWidth } from './text-width.ts';

/** Narrower ones would leave a word a line. */
const narrowest = 40;

/** `width` in columns. What fits stays as it is; an example itself is never broken. */
export function fitHelp(text: string, width: number): string {
  const room = Math.max(width, narrowest);
  return blocksOf(text.split('\n'))
    .flatMap((block) => (block.every((line) => textWidth(line) <= room) ? block : fitBlock(block, room)))
    .join('\n');
}

/** Lines of one paragraph together, and those of one list, so that a list looks the same all through. */
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
