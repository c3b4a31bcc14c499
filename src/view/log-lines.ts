/** Log lines of several processes on one screen: each with the name of its process, in a colour of its own. */
import type { ChalkInstance } from 'chalk';
import { linesOf, textOf } from '../base/lines.ts';
import { renderJson } from './log-json.ts';

const colours = [
  'cyan',
  'yellow',
  'green',
  'magenta',
  'blue',
  'cyanBright',
  'yellowBright',
  'greenBright',
] as const;

export type ShowText = (process: string, text: string) => string;

/** Whole lines, each with its newline, as they are to be printed: JSON in words. One process alone needs no name in front. */
export function logTextShower(
  processes: readonly string[],
  style: ChalkInstance,
  prefixed: boolean,
): ShowText {
  const width = Math.max(0, ...processes.map((name) => name.length));
  const prefixes = new Map(
    processes.map((name, i) => [
      name,
      style[colours[i % colours.length] ?? 'cyan'](`${name.padEnd(width)} |`),
    ]),
  );
  return (process, text) => {
    const words = mayHoldJson(text) ? textOf(linesOf(text).map(renderJson)) : text;
    if (!prefixed || words === '') return words;
    const prefix = `${prefixes.get(process) ?? `${process} |`} `;
    return `${prefix}${words.slice(0, -1).replace(/\n/g, `\n${prefix}`)}\n`;
  };
}

function mayHoldJson(text: string): boolean {
  return text.startsWith('{') || text.includes('\n{');
}
