/**
 * Compares arms, and says in words only what the rounds allow: the ratio in each round, and the 95 % interval of its mean.
 * The whole interval must lie beyond the threshold for a difference, and within it for none; all else is inconclusive.
 */
import { type Figures, type Metric, metricNamed } from './figures.ts';
import { leastRounds, type Ratio, ratioOf } from './statistics.ts';
import { pointWords } from './workload.ts';
import type { ArmResult, Comparison, PointResult, RoundOfPoint, Verdict } from './result.ts';

/** What arms are compared by. A p99 counts only where each round has a hundred requests. */
export const compared: readonly Metric[] = [
  'ttft.p50',
  'ttft.p99',
  'itl.p50',
  'itl.p99',
  'e2e.p50',
  'tokens-per-gpu',
  'goodput',
].map(metricNamed);

/** Answers whose lengths differ by more than this share, on average, are different work. */
const lengthTolerance = 0.02;

export function compareArms(arms: readonly ArmResult[], threshold: number): Comparison[] {
  const [reference, ...others] = arms;
  if (reference === undefined) return [];
  return others.flatMap((arm) =>
    arm.points.flatMap((point, i) => {
      const against = reference.points[i];
      return against === undefined
        ? []
        : comparePoint({ arm, point }, { arm: reference, point: against }, threshold);
    }),
  );
}

interface Side {
  readonly arm: ArmResult;
  readonly point: PointResult;
}

function comparePoint(side: Side, against: Side, threshold: number): Comparison[] {
  const rounds = pairedRounds(side.point.rounds, against.point.rounds);
  const differs = rounds.some(([a, b]) => differentWork(a, b));
  return compared.flatMap((metric): Comparison[] => {
    const pairs = rounds.flatMap(([mine, theirs]): [number, number][] => {
      const [value, reference] = [metric.of(mine), metric.of(theirs)];
      const counts = Math.min(mine.answered, theirs.answered) >= metric.needs;
      return value === undefined || reference === undefined || !counts ? [] : [[value, reference]];
    });
    if (pairs.length === 0) return [];
    const ratio = ratioOf(pairs);
    return [
      {
        metric: metric.name,
        arm: side.arm.id,
        reference: against.arm.id,
        at: side.point.at,
        ratio,
        verdict: differs ? 'not-comparable' : verdictOf(ratio, metric, threshold),
      },
    ];
  });
}

function pairedRounds(a: readonly RoundOfPoint[], b: readonly RoundOfPoint[]): [Figures, Figures][] {
  return a.flatMap((mine): [Figures, Figures][] => {
    const theirs = b.find(({ round }) => round === mine.round);
    if (theirs === undefined || mine.withheld !== undefined || theirs.withheld !== undefined) return [];
    return [[mine.figures, theirs.figures]];
  });
}

function differentWork(a: Figures, b: Figures): boolean {
  return apart(a.osl?.mean, b.osl?.mean) || apart(a.isl?.mean, b.isl?.mean);
}

function apart(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && Math.abs(a - b) > lengthTolerance * Math.max(a, b);
}

function verdictOf(ratio: Ratio | undefined, { better }: Metric, threshold: number): Verdict {
  if (ratio === undefined) return 'too-few-rounds';
  const [low, high] = [1 / (1 + threshold), 1 + threshold];
  if (ratio.low > high) return better === 'higher' ? 'better' : 'worse';
  if (ratio.high < low) return better === 'higher' ? 'worse' : 'better';
  return ratio.low >= low && ratio.high <= high ? 'same' : 'inconclusive';
}

/** One line per arm and metric; the clearest first within each. Empty for a single arm. */
export function verdictLines(
  comparisons: readonly Comparison[],
  arms: readonly Pick<ArmResult, 'id' | 'short'>[],
  { threshold, rounds }: { readonly threshold: number; readonly rounds: number },
): string[] {
  const [reference, ...others] = arms;
  if (reference === undefined || others.length === 0) return [];
  if (rounds < leastRounds)
    return [
      `No verdict: ${rounds === 1 ? 'one round' : `${rounds} rounds`} cannot show how much figures vary; it takes ${leastRounds}.`,
    ];
  return others.flatMap((arm) => {
    const mine = comparisons.filter((each) => each.arm === arm.id);
    if (mine.length === 0) return [`${arm.short}: nothing to compare with ${reference.short}.`];
    if (mine.every(({ verdict }) => verdict === 'not-comparable'))
      return [
        `${arm.short} and ${reference.short} are not comparable: the lengths of their prompts or answers differ.`,
      ];
    return compared.flatMap((metric) => {
      const ofMetric = mine.filter((each) => each.metric === metric.name);
      if (ofMetric.length === 0) return [];
      const words = groups(ofMetric, metric, threshold);
      return [`${arm.short} against ${reference.short}, ${metric.title}: ${words.join('; ')}.`];
    });
  });
}

/** The clearest first; points of the same verdict together: `inconclusive at concurrency 1 (0.8–1.3×), 4 (0.9–1.2×)`. */
function groups(of: readonly Comparison[], metric: Metric, threshold: number): string[] {
  const clear = of.flatMap((each) =>
    each.ratio !== undefined && (each.verdict === 'better' || each.verdict === 'worse')
      ? [`${ratioWords(each.ratio, each.verdict, metric)} ${pointWords(each.at)}`]
      : [],
  );
  const words: readonly (readonly [Verdict, string])[] = [
    ['same', `no difference beyond ${percentText(threshold)}`],
    ['inconclusive', 'inconclusive'],
    ['too-few-rounds', 'too few rounds'],
    ['not-comparable', 'not comparable'],
  ];
  const rest = words.flatMap(([verdict, text]) => {
    const points = of.filter((each) => each.verdict === verdict);
    return points.length === 0 ? [] : [`${text} ${pointsWords(points, verdict === 'inconclusive')}`];
  });
  return [...clear, ...rest];
}

/** `at concurrency 1, 4` */
function pointsWords(points: readonly Comparison[], withRange: boolean): string {
  return points
    .map(({ at, ratio }, i) => {
      const text = i === 0 || at.kind === 'trace' ? pointWords(at) : String(at.value);
      return withRange && ratio !== undefined ? `${text} (${rangeText(ratio)})` : text;
    })
    .join(', ');
}

function ratioWords(ratio: Ratio, verdict: 'better' | 'worse', { better }: Metric): string {
  const factor = ratio.ratio >= 1 ? ratio.ratio : 1 / ratio.ratio;
  const [low, high] = ratio.ratio >= 1 ? [ratio.low, ratio.high] : [1 / ratio.high, 1 / ratio.low];
  const word =
    better === 'lower'
      ? verdict === 'better'
        ? 'faster'
        : 'slower'
      : verdict === 'better'
        ? 'higher'
        : 'lower';
  return `${factorText(factor)}× ${word} (${factorText(low)}–${factorText(high)}×)`;
}

/** Of a ratio around one. */
export function rangeText({ low, high }: Pick<Ratio, 'low' | 'high'>): string {
  return `${factorText(low)}–${factorText(high)}×`;
}

export function factorText(factor: number): string {
  return factor >= 10 ? factor.toFixed(0) : factor >= 2 ? factor.toFixed(1) : factor.toFixed(2);
}

export function percentText(share: number): string {
  const percent = share * 100;
  return `${Number.isInteger(Math.round(percent * 10) / 10) ? percent.toFixed(0) : percent.toFixed(1)} %`;
}
