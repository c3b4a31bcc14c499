/** What was counted within a window of several rounds of readings, over restarts of the processes. */
import { type Histogram, riseOf, sumOf } from './prometheus.ts';
import type { Reading } from './reading.ts';
import type { Level, Spread, Total } from './series.ts';

export interface GpuUse {
  readonly memoryBytes?: number;
  /** Of its busiest GPU, from 0 to 100; other processes may use the same. */
  readonly usePercent?: number;
}

/** All processes of a deployment, asked at the same time. One that did not answer is absent. */
export interface Round {
  /** In milliseconds, of a clock that is never adjusted. */
  readonly at: number;
  readonly readings: ReadonlyMap<string, Reading>;
  readonly gpus?: ReadonlyMap<string, GpuUse>;
}

export const usualWindowMs = 60_000;

/** Keeps what `figures` needs of earlier rounds: those of the window, and the last one before it. */
export function withRound(
  rounds: readonly Round[],
  latest: Round,
  windowMs = usualWindowMs,
): readonly Round[] {
  const all = [...rounds, latest];
  const first = all.findLastIndex(({ at }) => at <= latest.at - windowMs);
  return first <= 0 ? all : all.slice(first);
}

export interface Window {
  readonly rounds: readonly Round[];
  readonly latest: Round | undefined;
  /** `undefined` with one round. */
  readonly ms: number | undefined;
}

export function windowOf(rounds: readonly Round[], windowMs: number): Window {
  const latest = rounds.at(-1);
  const inside = latest === undefined ? [] : rounds.filter(({ at }) => at >= latest.at - windowMs);
  const [oldest] = inside;
  const ms = latest === undefined || oldest === undefined ? 0 : latest.at - oldest.at;
  return { rounds: inside, latest, ms: ms > 0 ? ms : undefined };
}

/**
 * The rise of a total within the window, over restarts: where it fell, the process had begun anew. A series that appears
 * while its process is up began with 0.
 */
function rise(values: readonly (number | undefined)[]): number | undefined {
  const last = values.findLast((value) => value !== undefined);
  if (last === undefined) return undefined;
  let [sum, before] = [0, values[0]];
  for (const value of values.slice(1)) {
    if (value === undefined) continue;
    sum += before === undefined || value < before ? value : value - before;
    before = value;
  }
  return sum;
}

function risenSpread(values: readonly (Histogram | undefined)[]): Histogram | undefined {
  let [sum, before]: (Histogram | undefined)[] = [undefined, values[0]];
  for (const value of values.slice(1)) {
    if (value === undefined) continue;
    sum = sumOf(sum, riseOf(before, value));
    before = value;
  }
  return sum;
}

const nothingYet: Reading = { totals: {}, levels: {}, spreads: {} };

/** Readings of one process, from the first that it answered. Its start comes before if that is within the window. */
function readingsOf({ rounds, ms }: Window, name: string): (Reading | undefined)[] {
  const index = rounds.findIndex(({ readings }) => readings.has(name));
  const [oldest, first] = [rounds[0], rounds[index]];
  if (oldest === undefined || first === undefined) return [];
  const upSeconds = first.readings.get(name)?.levels.uptimeSeconds ?? Infinity;
  const started = upSeconds * 1000 < first.at - oldest.at;
  const readings = rounds.slice(index).map((round) => round.readings.get(name));
  // With one round, everything since the start counts.
  return ms === undefined || started ? [nothingYet, ...readings] : readings;
}

export function risen(seen: Window, names: readonly string[], total: Total): number | undefined {
  return addKnown(names.map((name) => rise(readingsOf(seen, name).map((reading) => reading?.totals[total]))));
}

export function spreadOf(seen: Window, names: readonly string[], spread: Spread): Histogram | undefined {
  const parts = names.map((name) =>
    risenSpread(readingsOf(seen, name).map((reading) => reading?.spreads[spread])),
  );
  return parts.reduce((sum, part) => (part === undefined ? sum : sumOf(sum, part)), undefined);
}

export function errorsOf(seen: Window, names: readonly string[]): Record<string, number> | undefined {
  const series = names.map((name) => readingsOf(seen, name));
  const all = series.flat().flatMap((reading) => (reading?.errors === undefined ? [] : [reading.errors]));
  if (all.length === 0) return undefined;
  const types = [...new Set(all.flatMap((errors) => Object.keys(errors)))];
  const counts = types.map((type): [string, number] => [
    type,
    addKnown(series.map((readings) => rise(readings.map((reading) => reading?.errors?.[type])))) ?? 0,
  ]);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

export function answering({ latest }: Window, names: readonly string[]): Reading[] {
  return names.flatMap((name) => latest?.readings.get(name) ?? []);
}

export function levels(seen: Window, names: readonly string[], level: Level): number[] {
  return answering(seen, names).flatMap((reading) => reading.levels[level] ?? []);
}

export function addKnown(values: readonly (number | undefined)[]): number | undefined {
  const found = values.filter((value) => value !== undefined);
  return found.length === 0 ? undefined : found.reduce((sum, value) => sum + value, 0);
}

export function perSecond(seen: Window, amount: number | undefined): number | undefined {
  return amount === undefined || seen.ms === undefined ? undefined : (1000 * amount) / seen.ms;
}
