/** Results of benchmarks as tests need them. */
import { type Answered, figuresOf, type Slo } from '../../../src/bench/figures.ts';
import type { ArmResult, BenchResult, RoundOfPoint } from '../../../src/bench/result.ts';
import type { Point } from '../../../src/bench/workload.ts';

export const quiet = { busy: 0.1, lagP99Ms: 1, lateP99Ms: 0 };

interface Answers {
  readonly ttftMs: number;
  readonly itlMs: number;
  readonly count?: number;
  readonly tokens?: number;
  readonly errors?: number;
  readonly slo?: Slo;
}

/** A round in which every request was the same. */
export function round(
  number: number,
  { ttftMs, itlMs, count = 120, tokens = 11, errors = 0, slo }: Answers,
): RoundOfPoint {
  const exchanges = Array.from({ length: count }, (_, i): Answered => ({
    ok: true,
    sentMs: i * 100,
    firstMs: ttftMs,
    lastMs: ttftMs + itlMs * (tokens - 1),
    promptTokens: 100,
    cachedTokens: 0,
    completionTokens: tokens,
    asked: { isl: 100, osl: tokens },
  }));
  const failed = Array.from({ length: errors }, () => ({
    ok: false as const,
    sentMs: 0,
    afterMs: 5,
    why: 'HTTP 503',
  }));
  const figures = figuresOf({ exchanges: [...exchanges, ...failed], gapsMs: [], own: quiet }, 1, slo);
  return { round: number, figures, withheld: undefined, roles: [] };
}

export function arm(id: string, rounds: readonly RoundOfPoint[], more: Partial<ArmResult> = {}): ArmResult {
  const at: Point = { kind: 'concurrency', value: 16 };
  return {
    id,
    label: id === 'A' ? 'agg' : 'disagg',
    short: id === 'A' ? 'agg' : 'disagg',
    profile: 'agg',
    url: undefined,
    model: 'm',
    engine: 'sim',
    simulated: true,
    gpus: 1,
    gpuNames: [],
    workers: '1 worker',
    points: [{ at, rounds, why: [] }],
    problems: [],
    ...more,
  };
}

export function result(arms: readonly ArmResult[], more: Partial<BenchResult> = {}): BenchResult {
  return {
    version: 1,
    startedAt: '2026-11-29T12:00:00.000Z',
    tookMs: 1,
    dynamo: '0.1.0',
    machine: { host: 'h', cpus: '2 × c', gpus: [], loadAverage: 0 },
    simulated: true,
    interrupted: false,
    load: {
      points: arms[0]?.points.map(({ at }) => at) ?? [],
      isl: { low: 100, high: 100 },
      osl: { low: 11, high: 11 },
      prefixShare: 0,
      prefixes: 1,
      trace: undefined,
      requests: undefined,
      durationMs: undefined,
      seed: 1,
      rounds: 3,
      starts: 'per-round',
      with: 'dynamo',
    },
    slo: undefined,
    threshold: 0.05,
    generator: { ttftP50Ms: 0.3, ttftP99Ms: 1, tokensPerSecond: 80_000 },
    arms,
    comparisons: [],
    verdicts: [],
    notes: [],
    ...more,
  };
}
