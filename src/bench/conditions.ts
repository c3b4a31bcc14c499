/** Conditions that people write: `--slo ttft=200ms,itl=20ms`, `--fail-if 'ttft.p95 > 300ms'`, and what a baseline demands. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { percentText } from './comparison.ts';
import { type Metric, metrics, overRounds, type Slo } from './figures.ts';
import { type BenchResult, type PointResult, shownRounds } from './result.ts';
import { intervalOf } from './statistics.ts';
import { pointText, pointWords } from './workload.ts';

export interface Condition {
  /** As it was written. */
  readonly text: string;
  readonly metric: Metric;
  readonly operator: '<' | '<=' | '>' | '>=';
  /** Milliseconds, or a rate, or a number of errors. */
  readonly limit: number;
  /** `errors > 1%`: the limit is a share of the requests. */
  readonly isShare: boolean;
  /** `@16`: only at this point. */
  readonly at: string | undefined;
}

const msPerUnit: Readonly<Record<string, number>> = { us: 0.001, µs: 0.001, ms: 1, s: 1000 };

/** Throws `usage`. */
export function parseSlo(text: string): Slo {
  const limits = text.split(',').map((part): [string, number] => {
    const [, name = '', amount = '', unit = ''] =
      /^\s*(ttft|itl|e2e)\s*=\s*(\d+(?:\.\d+)?)\s*(ms|s)\s*$/.exec(part) ?? [];
    if (name === '')
      throw new DynamoError('usage', `--slo ${JSON.stringify(part)}: expected a limit such as ttft=200ms.`, {
        hint: 'dynamo bench agg --slo ttft=200ms,itl=20ms',
        fields: { option: '--slo', asked: part, choices: ['ttft', 'itl', 'e2e'] },
      });
    return [`${name}Ms`, Number(amount) * (msPerUnit[unit] ?? 1)];
  });
  return Object.fromEntries(limits);
}

const condition = /^\s*([a-z0-9.-]+)\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)?)\s*(us|µs|ms|s|%)?\s*(?:@\s*(\S+))?\s*$/;

/** Throws `usage`. */
export function parseCondition(text: string): Condition {
  const [, name, operator, amount, unit, at] = condition.exec(text) ?? [];
  if (name === undefined) throw badCondition(text, 'expected METRIC > LIMIT, such as ttft.p95 > 300ms');
  const metric = metrics.find((each) => each.name === name);
  if (metric === undefined) {
    const names = metrics.map((each) => each.name);
    const meant = names.includes(`${name}.p50`) ? `${name}.p50` : nearest(name, names);
    throw badCondition(text, `there is no figure ${name}`, meant);
  }
  const wantsTime = metric.unit === 'ms';
  if (wantsTime !== (unit !== undefined && unit !== '%'))
    throw badCondition(
      text,
      wantsTime
        ? `${name} needs a unit: ms or s`
        : `${name} has no unit${metric.unit === 'errors' ? ' but %' : ''}`,
    );
  if (unit === '%' && metric.unit !== 'errors') throw badCondition(text, `${name} is not a share`);
  return {
    text,
    metric,
    operator: operator as Condition['operator'],
    limit: unit === '%' ? Number(amount) / 100 : Number(amount) * (msPerUnit[unit ?? ''] ?? 1),
    isShare: unit === '%',
    at,
  };
}

function badCondition(text: string, why: string, meant?: string): DynamoError<'usage'> {
  return new DynamoError('usage', `--fail-if ${JSON.stringify(text)}: ${why}.`, {
    hint: meant === undefined ? "dynamo bench agg --fail-if 'ttft.p95 > 300ms'" : `did you mean ${meant}?`,
    details:
      meant === undefined
        ? [
            `Figures: ttft, itl, e2e, gap with .p50, .p90, .p95, .p99, .mean, .min, .max; ${metrics
              .filter(({ unit }) => unit !== 'ms')
              .map(({ name }) => name)
              .join(', ')}`,
          ]
        : [],
    fields: { option: '--fail-if', asked: text, ...(meant === undefined ? {} : { nearest: meant }) },
  });
}

/** One check of one point. */
export interface Check {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'inconclusive';
  readonly text: string;
}

/** Every condition at every point of every arm. A point without figures fails: nothing shows that it is within the limit. */
export function checkConditions(
  conditions: readonly Condition[],
  { arms }: Pick<BenchResult, 'arms'>,
): Check[] {
  return conditions.flatMap((each) => {
    const checks = arms.flatMap(({ short, points }) =>
      points
        .filter(({ at }) => each.at === undefined || pointText(at).split(' ')[0] === each.at)
        .map((point) => checkOne(each, short, point)),
    );
    const none: Check = {
      name: each.text,
      outcome: 'failed',
      text: `${each.text}: no point was measured${each.at === undefined ? '' : ` at ${each.at}`}`,
    };
    return checks.length === 0 ? [none] : checks;
  });
}

function checkOne(each: Condition, arm: string, point: PointResult): Check {
  const name = `${arm} ${pointText(point.at)}: ${each.text}`;
  const rounds = shownRounds(point);
  const values = rounds.flatMap((figures) => {
    const value = each.metric.of(figures);
    if (value === undefined) return [];
    return [each.isShare ? value / Math.max(1, figures.answered + figures.errors) : value];
  });
  // Errors of any round count; everything else by the median, so that one odd round decides nothing.
  const seen =
    each.metric.unit === 'errors'
      ? Math.max(...values)
      : (overRounds(rounds, each.metric)?.median ?? Number.NaN);
  if (values.length === 0 || Number.isNaN(seen))
    return {
      name,
      outcome: 'failed',
      text: `${arm} ${pointWords(point.at)}: ${each.metric.name} was not measured`,
    };
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const range =
    low === high ? '' : ` (${amountText(low, each)} to ${amountText(high, each)} in ${values.length} rounds)`;
  const text = `${arm} ${pointWords(point.at)}: ${each.metric.name} is ${amountText(seen, each)}${range}`;
  return holds(seen, each)
    ? { name, outcome: 'failed', text: `${text}, which is ${each.operator} ${amountText(each.limit, each)}` }
    : { name, outcome: 'passed', text };
}

function holds(value: number, { operator, limit }: Condition): boolean {
  switch (operator) {
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
  }
}

function amountText(value: number, { metric, isShare }: Pick<Condition, 'metric' | 'isShare'>): string {
  if (isShare) return percentText(value);
  if (metric.unit === 'errors') return String(value);
  return metric.unit === 'ms' ? timeText(value) : `${numberText(value)}/s`;
}

/** `0.42 ms`, `23 ms`, `1.24 s`. */
export function timeText(ms: number): string {
  return ms >= 1000 ? `${numberText(ms / 1000)} s` : `${numberText(ms)} ms`;
}

/** Three significant digits. */
export function numberText(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) * 1.0000001)));
  return value.toFixed(Math.min(digits, 3));
}

/** What a later version must not be worse in. */
const guarded = ['ttft.p50', 'ttft.p95', 'itl.p50', 'itl.p95', 'tokens-per-second'];

/** Throws `usage` when the two were measured under different loads, or have no arm in common. */
export function checkBaseline(now: BenchResult, baseline: BenchResult, tolerance: number): Check[] {
  requireSameLoad(now, baseline);
  const checks = now.arms.flatMap((arm) => {
    const before = baseline.arms.find(({ label }) => label === arm.label);
    if (before === undefined) return [];
    return arm.points.flatMap((point) => {
      const against = before.points.find(({ at }) => pointText(at) === pointText(point.at));
      return against === undefined
        ? []
        : metrics
            .filter(({ name }) => guarded.includes(name))
            .flatMap((metric) => guard(metric, arm.short, [point, against], tolerance));
    });
  });
  if (checks.length > 0) return checks;
  throw new DynamoError('usage', '--baseline: it has no arm and point of this benchmark.', {
    details: [
      `In the baseline: ${baseline.arms.map(({ label }) => label).join(', ')}`,
      `Now: ${now.arms.map(({ label }) => label).join(', ')}`,
    ],
    hint: 'use the result of the same command',
    fields: { option: '--baseline' },
  });
}

function requireSameLoad(now: BenchResult, baseline: BenchResult): void {
  const keys = ['isl', 'osl', 'prefixShare', 'prefixes', 'trace', 'requests', 'durationMs', 'with'] as const;
  const other = keys.find((key) => JSON.stringify(now.load[key]) !== JSON.stringify(baseline.load[key]));
  if (other === undefined && now.simulated === baseline.simulated) return;
  throw new DynamoError(
    'usage',
    other === undefined
      ? '--baseline: one of the two was measured on a simulated engine.'
      : `--baseline: it was measured with another ${other}: ${JSON.stringify(baseline.load[other])}, now ${JSON.stringify(now.load[other])}.`,
    { hint: 'use the result of the same command', fields: { option: '--baseline' } },
  );
}

function guard(
  metric: Metric,
  arm: string,
  [point, against]: readonly [PointResult, PointResult],
  tolerance: number,
): Check[] {
  const before = overRounds(shownRounds(against), metric)?.median;
  const rounds = shownRounds(point).flatMap((figures) => metric.of(figures) ?? []);
  const now = overRounds(shownRounds(point), metric)?.median;
  if (before === undefined) return [];
  const name = `${arm} ${pointText(point.at)}: ${metric.name} against the baseline`;
  if (now === undefined)
    return [
      { name, outcome: 'failed', text: `${arm} ${pointWords(point.at)}: ${metric.name} was not measured` },
    ];
  // How much worse: above zero, whichever way is better.
  const worse = (value: number): number =>
    metric.better === 'lower' ? value / before - 1 : before / Math.max(value, 1e-9) - 1;
  const amount = (value: number): string => amountText(value, { metric, isShare: false });
  const text = `${arm} ${pointWords(point.at)}: ${metric.name} is ${amount(now)}, it was ${amount(before)}`;
  if (worse(now) <= tolerance) return [{ name, outcome: 'passed', text }];
  const interval = intervalOf(rounds);
  const best = interval === undefined ? now : metric.better === 'lower' ? interval.low : interval.high;
  const reach = `${text}: ${percentText(worse(now))} worse`;
  return worse(best) > tolerance
    ? [{ name, outcome: 'failed', text: reach }]
    : [{ name, outcome: 'inconclusive', text: `${reach}, but the rounds differ too much to be sure` }];
}
