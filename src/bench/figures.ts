/** From what happened to each request to the figures of a point: latencies, throughput, goodput, errors. */
import { type Distribution, distributionOf, meanOf, type Spread, spreadOf } from './statistics.ts';

/** One request, as the generator saw it. Times are in milliseconds from when it was sent. */
export type Exchange =
  | {
      readonly ok: true;
      /** From the start of the point. */
      readonly sentMs: number;
      /** To the first and the last piece of the answer that has text. */
      readonly firstMs: number;
      readonly lastMs: number;
      readonly promptTokens: number;
      readonly cachedTokens: number;
      readonly completionTokens: number;
      readonly asked: { readonly isl: number; readonly osl: number };
    }
  | { readonly ok: false; readonly sentMs: number; readonly afterMs: number; readonly why: string };

export type Answered = Extract<Exchange, { readonly ok: true }>;

/** How busy the generator itself was during a point. */
export interface OwnLoad {
  /** Share of the time in which its event loop worked, from 0 to 1. */
  readonly busy: number;
  /** How late its event loop came to what was due. */
  readonly lagP99Ms: number;
  /** In an open loop: how late requests were sent. */
  readonly lateP99Ms: number;
}

/** What happened at one point in one round. */
export interface Measured {
  readonly exchanges: readonly Exchange[];
  /** Between two pieces of one answer. */
  readonly gapsMs: readonly number[];
  readonly own: OwnLoad;
}

export interface Slo {
  readonly ttftMs?: number;
  readonly itlMs?: number;
  readonly e2eMs?: number;
}

export interface Figures {
  readonly answered: number;
  readonly errors: number;
  /** Why requests failed, and how many each. */
  readonly errorKinds: Readonly<Record<string, number>>;
  /** From the first request sent to the last answer. */
  readonly seconds: number;
  /** Milliseconds. */
  readonly ttft: Distribution | undefined;
  /** Of each request: time from its first to its last token, divided by the tokens after the first. */
  readonly itl: Distribution | undefined;
  readonly e2e: Distribution | undefined;
  /** Between two pieces of an answer, which may have several tokens each. */
  readonly gap: Distribution | undefined;
  readonly requestsPerSecond: number;
  readonly outputTokensPerSecond: number;
  readonly inputTokensPerSecond: number;
  /** Output tokens per second and GPU; absent where the number of GPUs is unknown. */
  readonly tokensPerGpu: number | undefined;
  /** Output tokens per second that one user sees: the median of 1 ÷ ITL. */
  readonly tokensPerUser: number | undefined;
  /** Requests per second that met all limits, and their share of all; absent without `--slo`. */
  readonly goodput: number | undefined;
  readonly good: number | undefined;
  /** Tokens as the server counted them. */
  readonly isl: Distribution | undefined;
  readonly osl: Distribution | undefined;
  /** What was asked for, on average. */
  readonly askedIsl: number;
  readonly askedOsl: number;
  /** Share of the prompt tokens that the server took from a cache. */
  readonly cached: number;
  readonly own: OwnLoad;
}

export function figuresOf(
  { exchanges, gapsMs, own }: Measured,
  gpus: number | undefined,
  slo: Slo | undefined,
): Figures {
  const answered = exchanges.filter((each): each is Answered => each.ok);
  const failed = exchanges.flatMap((each) => (each.ok ? [] : [each.why]));
  const seconds = spanOf(exchanges) / 1000;
  const sum = (of: (each: Answered) => number): number =>
    answered.reduce((total, each) => total + of(each), 0);
  const perSecond = (amount: number): number => (seconds > 0 ? amount / seconds : 0);
  const itls = answered.flatMap(itlOf);
  const outputTokensPerSecond = perSecond(sum((each) => each.completionTokens));
  const good = slo === undefined ? undefined : answered.filter((each) => meets(each, slo)).length;
  const promptTokens = sum((each) => each.promptTokens);
  const median = distributionOf(itls)?.p50;
  return {
    answered: answered.length,
    errors: failed.length,
    errorKinds: Object.fromEntries(
      [...new Set(failed)].map((why) => [why, failed.filter((each) => each === why).length]),
    ),
    seconds,
    ttft: distributionOf(answered.map(({ firstMs }) => firstMs)),
    itl: distributionOf(itls),
    e2e: distributionOf(answered.map(({ lastMs }) => lastMs)),
    gap: distributionOf(gapsMs),
    requestsPerSecond: perSecond(answered.length),
    outputTokensPerSecond,
    inputTokensPerSecond: perSecond(promptTokens),
    tokensPerGpu: gpus === undefined ? undefined : outputTokensPerSecond / gpus,
    tokensPerUser: median === undefined || median === 0 ? undefined : 1000 / median,
    goodput: good === undefined ? undefined : perSecond(good),
    good: good === undefined ? undefined : good / Math.max(1, exchanges.length),
    isl: distributionOf(answered.map((each) => each.promptTokens)),
    osl: distributionOf(answered.map((each) => each.completionTokens)),
    askedIsl: answered.length === 0 ? 0 : meanOf(answered.map(({ asked }) => asked.isl)),
    askedOsl: answered.length === 0 ? 0 : meanOf(answered.map(({ asked }) => asked.osl)),
    cached: promptTokens === 0 ? 0 : sum((each) => each.cachedTokens) / promptTokens,
    own,
  };
}

/** From the first request sent to the last answer, or the last failure where nothing was answered. */
function spanOf(exchanges: readonly Exchange[]): number {
  const endOf = (each: Exchange): number => each.sentMs + (each.ok ? each.lastMs : each.afterMs);
  const counted = exchanges.some(({ ok }) => ok) ? exchanges.filter(({ ok }) => ok) : exchanges;
  const end = counted.reduce((latest, each) => Math.max(latest, endOf(each)), 0);
  const begin = exchanges.reduce((earliest, each) => Math.min(earliest, each.sentMs), Infinity);
  return exchanges.length === 0 ? 0 : end - begin;
}

/** Nothing for an answer of a single token. */
function itlOf({ firstMs, lastMs, completionTokens }: Answered): number[] {
  return completionTokens > 1 ? [(lastMs - firstMs) / (completionTokens - 1)] : [];
}

function meets(each: Answered, { ttftMs = Infinity, itlMs = Infinity, e2eMs = Infinity }: Slo): boolean {
  return each.firstMs <= ttftMs && (itlOf(each)[0] ?? 0) <= itlMs && each.lastMs <= e2eMs;
}

export type DistributionName = 'ttft' | 'itl' | 'e2e' | 'gap';
export type Statistic = Exclude<keyof Distribution, 'count'>;

/** A figure by the name that people write, such as `ttft.p95` or `tokens-per-gpu`. */
export interface Metric {
  readonly name: string;
  readonly title: string;
  readonly better: 'lower' | 'higher';
  readonly unit: 'ms' | '/s' | 'errors';
  /** Fewer requests than this do not determine it: a p99 of 30 requests is their maximum. */
  readonly needs: number;
  of(figures: Figures): number | undefined;
}

const titles: Readonly<Record<DistributionName, string>> = {
  ttft: 'TTFT',
  itl: 'ITL',
  e2e: 'end to end',
  gap: 'gap between pieces',
};
const needs: Readonly<Record<Statistic, number>> = {
  mean: 1,
  min: 1,
  p50: 1,
  p90: 10,
  p95: 20,
  p99: 100,
  max: 1,
};

const ofTimes: Metric[] = (Object.keys(titles) as DistributionName[]).flatMap((name) =>
  (Object.keys(needs) as Statistic[]).map((statistic): Metric => ({
    name: `${name}.${statistic}`,
    title: `${titles[name]} ${statistic}`,
    better: 'lower',
    unit: 'ms',
    needs: needs[statistic],
    of: (figures) => figures[name]?.[statistic],
  })),
);

const rate = (name: string, title: string, of: Metric['of']): Metric => ({
  name,
  title,
  better: 'higher',
  unit: '/s',
  needs: 1,
  of,
});

export const metrics: readonly Metric[] = [
  ...ofTimes,
  rate('tokens-per-second', 'output tokens/s', (figures) => figures.outputTokensPerSecond),
  rate('tokens-per-gpu', 'output tokens/s per GPU', (figures) => figures.tokensPerGpu),
  rate('tokens-per-user', 'output tokens/s per user', (figures) => figures.tokensPerUser),
  rate('requests-per-second', 'requests/s', (figures) => figures.requestsPerSecond),
  rate('goodput', 'goodput in requests/s', (figures) => figures.goodput),
  {
    name: 'errors',
    title: 'errors',
    better: 'lower',
    unit: 'errors',
    needs: 0,
    of: ({ errors }) => errors,
  },
];

export function metricNamed(name: string): Metric {
  const found = metrics.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no metric ${name}`);
  return found;
}

/** A metric over the rounds of a point. */
export function overRounds(rounds: readonly Figures[], metric: Metric): Spread | undefined {
  return spreadOf(rounds.flatMap((figures) => metric.of(figures) ?? []));
}
