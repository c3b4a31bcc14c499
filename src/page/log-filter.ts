/** Which lines of the logs are shown. Pure. */
import type { LogLevel, LogLine } from './messages.ts';

export const logLevels = ['error', 'warn', 'info', 'debug'] as const;

export interface LogFilter {
  /** None: all. */
  readonly processes: readonly string[];
  /** This and worse; `debug` shows lines without a level, too. */
  readonly level: (typeof logLevels)[number];
  /** Part of a line, whatever its case; between slashes, a regular expression. */
  readonly text: string;
}

const ranks: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3, none: 3 };

export function chosenLines(lines: readonly LogLine[], filter: LogFilter): readonly LogLine[] {
  const { processes, level, text } = filter;
  if (processes.length === 0 && level === 'debug' && text === '') return lines;
  const highest = ranks[level];
  const matches = matcherOf(text);
  return lines.filter(
    (line) =>
      (processes.length === 0 || processes.includes(line.process)) &&
      ranks[line.level] <= highest &&
      matches(line.text),
  );
}

function matcherOf(text: string): (line: string) => boolean {
  if (text === '') return () => true;
  const pattern = /^\/(.+)\/$/.exec(text)?.[1];
  const expression = pattern === undefined ? undefined : expressionOf(pattern);
  if (expression !== undefined) return (line) => expression.test(line);
  const wanted = text.toLowerCase();
  return (line) => line.toLowerCase().includes(wanted);
}

/** `undefined` while it is being typed and is none yet. */
function expressionOf(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern, 'i');
  } catch {
    return undefined;
  }
}
