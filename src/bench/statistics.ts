/** Percentiles, medians, and what several rounds allow to say about a ratio. */

export interface Distribution {
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** `undefined` for no values at all. */
export function distributionOf(values: readonly number[]): Distribution | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) return undefined;
  const at = (q: number): number => quantile(sorted, q);
  return {
    count: sorted.length,
    mean: meanOf(sorted),
    min,
    p50: at(0.5),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    max,
  };
}

/** Linear between the two nearest of the sorted values, as numpy and aiperf do it. */
export function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function medianOf(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

/** The same figure in every round. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly rounds: number;
}

export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  return {
    median: medianOf(values),
    low: Math.min(...values),
    high: Math.max(...values),
    rounds: values.length,
  };
}

/** Student's t, two-sided 95 %, by degrees of freedom from 1. */
const t95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131,
  2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** 95 % confidence interval of the mean; needs two values. */
export function intervalOf(values: readonly number[]): Interval | undefined {
  const freedom = values.length - 1;
  if (freedom < 1) return undefined;
  const mean = meanOf(values);
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / freedom;
  const half = (t95[Math.min(freedom, t95.length) - 1] ?? 1.96) * Math.sqrt(variance / values.length);
  return { low: mean - half, high: mean + half };
}

/** With fewer pairs, the interval is too wide to say anything: with two, Student's t is 12.7. */
export const leastRounds = 3;

export interface Ratio extends Interval {
  readonly ratio: number;
  readonly rounds: number;
}

/**
 * Of two arms measured in the same rounds: the geometric mean of the ratios in each round, and its 95 % interval. Paired, as
 * what disturbs a round disturbs both. `undefined` with fewer than `leastRounds` pairs, or where a ratio means nothing.
 */
export function ratioOf(pairs: readonly (readonly [value: number, reference: number])[]): Ratio | undefined {
  if (pairs.length < leastRounds || pairs.some(([value, reference]) => !(value > 0 && reference > 0)))
    return undefined;
  const logs = pairs.map(([value, reference]) => Math.log(value / reference));
  const interval = intervalOf(logs);
  if (interval === undefined) return undefined;
  return {
    ratio: Math.exp(meanOf(logs)),
    low: Math.exp(interval.low),
    high: Math.exp(interval.high),
    rounds: pairs.length,
  };
}
