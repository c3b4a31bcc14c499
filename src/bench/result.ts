/** The result of a benchmark, as `--json` prints it and `--baseline` reads it. */
import { DynamoError } from '../base/error.ts';
import type { Profile } from '../profile/profile.ts';
import type { Figures, Slo } from './figures.ts';
import type { Ratio } from './statistics.ts';
import type { Point, TokenRange } from './workload.ts';

/** Raised when a field is removed or changes its meaning, but not when one is added. */
export const resultVersion = 1;

export interface RoleFigures {
  readonly role: string;
  /** One line of what its processes reported while the point ran, such as `waiting 3.2 (at most 9), KV cache 41 %`. */
  readonly text: string;
  readonly values: Readonly<Record<string, number>>;
}

export interface RoundOfPoint {
  readonly round: number;
  readonly figures: Figures;
  /** Set where the figures say nothing about the deployment: the generator could not keep up. */
  readonly withheld?: string | undefined;
  readonly roles: readonly RoleFigures[];
}

export interface PointResult {
  readonly at: Point;
  readonly rounds: readonly RoundOfPoint[];
  /** What the figures of the server say about the bottleneck, in words. */
  readonly why: readonly string[];
}

export interface ArmResult {
  /** `A`, `B`, … */
  readonly id: string;
  /** The words of the user. */
  readonly label: string;
  /** How it is shown in a narrow table. */
  readonly short: string;
  readonly profile: string | undefined;
  readonly url: string | undefined;
  readonly model: string;
  readonly engine: string | undefined;
  /** The engine computes nothing: none of its figures is a measurement of a model. */
  readonly simulated: boolean;
  /** GPUs that it uses; for a simulated engine, those that its profile would use; absent: unknown. */
  readonly gpus: number | undefined;
  readonly gpuNames: readonly string[];
  /** `1 prefill, 2 decode` */
  readonly workers: string;
  /** What `dynamo advise` wrote into its profile. */
  readonly predicted?: Profile['predicted'];
  readonly points: readonly PointResult[];
  /** What went wrong with the arm itself: it did not start, or ended while it was loaded. */
  readonly problems: readonly string[];
}

export type Verdict = 'better' | 'worse' | 'same' | 'inconclusive' | 'too-few-rounds' | 'not-comparable';

export interface Comparison {
  readonly metric: string;
  /** Ids of the arms: the ratio is `arm` ÷ `reference`. */
  readonly arm: string;
  readonly reference: string;
  readonly at: Point;
  readonly ratio: Ratio | undefined;
  readonly verdict: Verdict;
}

export interface GeneratorCost {
  /** TTFT of a bare server that answers at once: what the generator and the connection add to each. */
  readonly ttftP50Ms: number;
  readonly ttftP99Ms: number;
  /** What it can take in, streamed by that server one token at a time. */
  readonly tokensPerSecond: number;
}

export interface BenchResult {
  readonly version: typeof resultVersion;
  readonly startedAt: string;
  readonly tookMs: number;
  /** Of the launcher. */
  readonly dynamo: string;
  readonly machine: {
    readonly host: string;
    readonly cpus: string;
    readonly gpus: readonly string[];
    readonly loadAverage: number;
  };
  readonly simulated: boolean;
  /** A signal ended it: rounds may be missing. */
  readonly interrupted: boolean;
  readonly load: {
    readonly points: readonly Point[];
    readonly isl: TokenRange;
    readonly osl: TokenRange;
    readonly prefixShare: number;
    readonly prefixes: number;
    readonly trace: string | undefined;
    readonly requests: number | undefined;
    readonly durationMs: number | undefined;
    readonly seed: number;
    readonly rounds: number;
    readonly starts: string;
    readonly with: string;
  };
  readonly slo: Slo | undefined;
  /** Differences up to this share do not count. */
  readonly threshold: number;
  readonly generator: GeneratorCost | undefined;
  readonly arms: readonly ArmResult[];
  readonly comparisons: readonly Comparison[];
  readonly verdicts: readonly string[];
  /** What limits the figures, in words. */
  readonly notes: readonly string[];
}

/** Figures of a point that may be shown. */
export function shownRounds({ rounds }: PointResult): readonly Figures[] {
  return rounds.flatMap(({ figures, withheld }) => (withheld === undefined ? [figures] : []));
}

/** What `--json` has printed. Throws `usage` for anything else. */
export function parseResult(text: string, file: string): BenchResult {
  const fail = (why: string): DynamoError<'usage'> =>
    new DynamoError('usage', `--baseline ${file}: ${why}.`, {
      hint: `dynamo bench agg --json >${file}   # writes one`,
      fields: { option: '--baseline', file },
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw fail('it is not JSON');
  }
  if (!isResult(value)) throw fail('it is not a result of dynamo bench');
  const found: number = value.version;
  if (found !== resultVersion) throw fail(`it has version ${found}, this dynamo reads ${resultVersion}`);
  return value;
}

function isResult(value: unknown): value is BenchResult {
  if (typeof value !== 'object' || value === null || !('arms' in value) || !('load' in value)) return false;
  if (!Array.isArray(value.arms) || typeof value.load !== 'object') return false;
  return value.arms.every(isArm);
}

function isArm(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('label' in value) || !('points' in value))
    return false;
  return Array.isArray(value.points) && value.points.every(isPoint);
}

function isPoint(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('at' in value) || !('rounds' in value)) return false;
  const { rounds } = value;
  return (
    Array.isArray(rounds) &&
    rounds.every((each) => typeof each === 'object' && each !== null && 'figures' in each)
  );
}
