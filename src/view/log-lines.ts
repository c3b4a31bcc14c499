/** Log lines of several processes on one screen: each after the name of its process in colour, JSON as text. */
import type { ChalkInstance } from 'chalk';
import { wrapAnsi } from 'fast-wrap-ansi';
import { linesOf, textOf } from '../base/logs.ts';
import { textWidth } from './table.ts';

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

/**
 * Takes whole lines, each with its newline, and returns them as they are printed: JSON as text, names in front if `prefixed`.
 * In a terminal, so many columns wide, times are shortened and long lines continue under their beginning.
 */
export function logTextShower(
  processes: readonly string[],
  style: ChalkInstance,
  prefixed: boolean,
  columns = Infinity,
): ShowText {
  const width = Math.max(0, ...processes.map((name) => name.length));
  const prefixes = new Map(
    processes.map((name, i) => [
      name,
      style[colours[i % colours.length] ?? 'cyan'](`${name.padEnd(width)} |`),
    ]),
  );
  return (process, text) => {
    const plain = mayHoldJson(text) ? textOf(linesOf(text).map(renderJson)) : text;
    const words = columns === Infinity ? plain : fitted(plain, columns - (prefixed ? width + 3 : 0));
    if (!prefixed || words === '') return words;
    const prefix = `${prefixes.get(process) ?? `${process} |`} `;
    return `${prefix}${words.slice(0, -1).replace(/\n/g, `\n${prefix}`)}\n`;
  };
}

/** Narrower text would be hard to read, however it is broken. */
const narrowest = 40;

function fitted(text: string, room: number): string {
  const short = text.replaceAll(
    // oxlint-disable-next-line no-control-regex -- colours begin with one
    /^((?:\u001B\[[\d;]*m)*)\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)(\.\d{3})?\d*Z/gm,
    '$1$2$3',
  );
  if (room < narrowest) return short;
  const wrap = (line: string): string =>
    textWidth(line) <= room ? line : wrapAnsi(line, room - 4).replaceAll('\n', '\n    ');
  return textOf(linesOf(short).map(wrap));
}

function mayHoldJson(text: string): boolean {
  return text.startsWith('{') || text.includes('\n{');
}

/**
 * Renders a log line that is a JSON object as a person would write it: Dynamo's with DYN_LOGGING_JSONL, etcd's always.
 * `<time> <level> <target>: <message> key=value…`, as Dynamo's plain format; any other line as it is.
 * Source of Dynamo's keys: docs/upstream/metrics-and-logs.md#json-lines.
 */
export function renderJson(line: string): string {
  if (!line.startsWith('{') || !line.endsWith('}')) return line;
  const record = parsed(line);
  if (record === undefined) return line;
  const { time, ts, timestamp, level, message, msg, target, caller, ...rest } = record;
  const said = message ?? msg;
  if (typeof said !== 'string') return line;
  const origin = wordOf(rest['log.target'] ?? target ?? caller);
  const details = Object.entries(rest)
    .filter(([key]) => !hidden.has(key))
    .map(([key, value]) => `${key}=${wordOf(value)}`);
  const head = [
    wordOf(time ?? ts ?? timestamp),
    wordOf(level).toUpperCase().padStart(5),
    origin && `${origin}:`,
  ];
  return [...head.filter(Boolean), said, ...details].join(' ');
}

/** Where in the source a line was written: for its authors. */
const hidden = new Set(['file', 'line', 'log.file', 'log.line', 'log.target', 'log.module_path']);

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function wordOf(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
