/** Lines of logs with their time and level: the end of the logs of a run, and what was written around a moment. */
import type { Environment } from '../base/environment.ts';
import type { LogLevel, LogLine } from '../page/messages.ts';
import type { Plan, ProcessSpec } from '../plan/plan.ts';
import { linesSince, logTail } from '../run/log-file.ts';
import { hostZone, lineTime } from '../run/log-time.ts';

const words: readonly (readonly [LogLevel, RegExp])[] = [
  ['error', /^(error|err|critical|fatal|crit|panic|e|f)$/i],
  ['warn', /^(warning|warn|wrn|w)$/i],
  ['info', /^(info|inf|notice|i)$/i],
  ['debug', /^(debug|trace|dbg|trc|d)$/i],
];

/** Of Dynamo and SGLang, JSON lines (etcd), and `[INF]` of NATS. Further into a line, a word is part of the message. */
const marked =
  /"level"\s*:\s*"(\w+)"|\[(INF|WRN|ERR|DBG|TRC|FTL)\]|\b(CRITICAL|FATAL|ERROR|WARNING|WARN|INFO|DEBUG|TRACE)\b/;
const searched = 120;

/** `undefined` for a line that names no level. */
export function levelOf(line: string): LogLevel | undefined {
  const found = marked.exec(line.slice(0, searched));
  const word = (found?.[1] ?? found?.[2] ?? found?.[3] ?? '').replace('FTL', 'FATAL');
  const level = words.find(([, pattern]) => pattern.test(word))?.[0];
  if (level !== undefined) return level;
  return /^Traceback \(most recent call last\)|^\w*(Error|Exception)\b.*:|^panic:/.test(line)
    ? 'error'
    : undefined;
}

/** Gives each line of one process its time and level; a line without them belongs to the line before it. */
export function lineReader(process: string, zone: string | undefined): (text: string) => LogLine {
  let at: number | undefined;
  let level: LogLevel = 'none';
  return (text) => {
    const time = lineTime(text, zone);
    const named = levelOf(text);
    if (time !== undefined) at = time;
    // A new line with a time that names no level does not inherit one.
    level = named ?? (time === undefined ? level : 'none');
    return { process, level, text: text.slice(0, longestText), ...(at === undefined ? {} : { at }) };
  };
}

/** Longer lines are cut: a page with a line of a megabyte is of no use. */
const longestText = 4_000;

/** A reader for each process of a plan. */
export function lineReaders(
  plan: Plan,
  environment: Environment,
): ReadonlyMap<string, (text: string) => LogLine> {
  const zoneOf = ({ env, container }: ProcessSpec): string | undefined =>
    env.TZ ?? (container === undefined ? hostZone(environment) : 'UTC');
  return new Map(plan.processes.map((spec) => [spec.name, lineReader(spec.name, zoneOf(spec))]));
}

export interface LogEnd {
  readonly lines: readonly LogLine[];
  /** Where each log continues. */
  readonly positions: readonly { readonly process: string; readonly file: string; readonly from: number }[];
}

/** The last `count` lines of each process, in the order of their times. */
export function endOfLogs(
  plan: Plan,
  readers: ReadonlyMap<string, (text: string) => LogLine>,
  count: number,
): LogEnd {
  const ends = plan.processes.map(({ name, logFile }) => {
    const tail = logTail(logFile, count);
    const read = readers.get(name);
    return {
      lines: read === undefined ? [] : tail.lines.map(read),
      position: { process: name, file: logFile, from: tail.end },
    };
  });
  return {
    lines: inOrder(ends.flatMap(({ lines }) => lines)),
    positions: ends.map(({ position }) => position),
  };
}

/** How much of the end of each log is searched. */
const searchedBytes = 8 * 1024 * 1024;

/** The lines around a moment, `count` before it and as many from it on. */
export function linesAround(plan: Plan, environment: Environment, at: number, count: number): LogLine[] {
  const readers = lineReaders(plan, environment);
  const all = inOrder(
    plan.processes.flatMap(({ name, logFile }) => {
      const read = readers.get(name);
      return read === undefined ? [] : linesSince(logFile, 0, searchedBytes).map(read);
    }),
  );
  const found = all.findIndex((line) => (line.at ?? 0) >= at);
  const middle = found === -1 ? all.length : found;
  return all.slice(Math.max(0, middle - count), middle + count);
}

/** Stable: the lines of one process stay in their order, unless its own times go back. */
function inOrder(lines: readonly LogLine[]): LogLine[] {
  return lines.toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0));
}
