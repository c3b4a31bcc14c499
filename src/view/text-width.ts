/**
 * How wide a text is in a terminal: colours take no column, Chinese, Japanese and Korean characters and emoji take two.
 * fast-string-width and fast-wrap-ansi do what string-width and wrap-ansi do. Those make Node load its Unicode data,
 * which costs every command 24 ms of processor time where it takes 70 to start.
 */
import stringWidth from 'fast-string-width';

/** In columns of a terminal. */
export function textWidth(text: string): number {
  return stringWidth(text);
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
