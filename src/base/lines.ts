/** Text of whole lines, each with its newline: thousands at once cost little more than one. */

export function linesOf(text: string): string[] {
  return text === '' ? [] : text.slice(0, -1).split('\n');
}

export function textOf(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
