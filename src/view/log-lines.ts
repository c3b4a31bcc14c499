/** Log lines of several processes on one screen: each with the name of its process, in a colour of its own. */
import type { ChalkInstance } from 'chalk';
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

export type ShowLine = (process: string, line: string) => string;

/** The line as it is to be printed, with a newline: JSON in words. One process alone needs no name in front. */
export function logLineShower(
  processes: readonly string[],
  style: ChalkInstance,
  prefixed: boolean,
): ShowLine {
  const width = Math.max(0, ...processes.map((name) => name.length));
  const prefixes = new Map(
    processes.map((name, i) => [
      name,
      style[colours[i % colours.length] ?? 'cyan'](`${name.padEnd(width)} |`),
    ]),
  );
  return (process, line) => {
    const text = renderJson(line);
    return prefixed ? `${prefixes.get(process) ?? `${process} |`} ${text}\n` : `${text}\n`;
  };
}
