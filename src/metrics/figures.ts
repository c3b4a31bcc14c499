/** The figures of a deployment, of its roles and of its processes, from readings of their `/metrics` over a window. */
import type { ProcessSpec } from '../plan/plan.ts';
import { type Histogram, quantile } from './prometheus.ts';
import type { RoutedWorker } from './reading.ts';
import type { Level, Spread } from './series.ts';
import {
  addKnown,
  answering,
  errorsOf,
  levels,
  perSecond,
  risen,
  type Round,
  spreadOf,
  usualWindowMs,
  type Window,
  windowOf,
} from './window.ts';

/** What `figures` reads of a plan. */
export type MeasuredProcess = Pick<ProcessSpec, 'name' | 'kind' | 'component' | 'mode'>;

/** Observations within the window. Without any, there is a count of 0 and no value. */
export interface Distribution {
  readonly count: number;
  readonly mean?: number;
  readonly p50?: number;
  readonly p95?: number;
  readonly p99?: number;
}

/** KV cache from prefill to decode. */
export interface Transfer {
  readonly latencyMs?: Distribution;
  readonly gigabytesPerSecond?: Distribution;
  readonly megabytes?: Distribution;
  /** Within the window. */
  readonly failed?: number;
  /** Requests that wait: for a partner, to be sent, for space at decode, and to be received. */
  readonly bootstrapQueue?: number;
  readonly sendQueue?: number;
  readonly preallocationQueue?: number;
  readonly receiveQueue?: number;
}

/** Of one process, or of all processes of a role. What is not known is absent, never 0. */
interface Common {
  /** Answered since the start of the processes that answer now. */
  readonly requests?: number;
  readonly requestsPerSecond?: number;
  /** Received and not answered completely. */
  readonly inFlight?: number;
  /** Without a first token (frontend), or not in a batch yet (worker). */
  readonly queued?: number;
  readonly gpuMemoryBytes?: number;
  readonly gpuUsePercent?: number;
}

export interface ServingFigures extends Common {
  /** Within the window. */
  readonly outputTokensPerSecond?: number;
  readonly inputTokensPerSecond?: number;
  readonly ttftMs?: Distribution;
  readonly itlMs?: Distribution;
  readonly requestMs?: Distribution;
  /** Answers that failed, within the window; requests that the client left are in `cancelled` instead. */
  readonly errors?: number;
  readonly errorsByType?: Readonly<Record<string, number>>;
  readonly cancelled?: number;
  readonly rejected?: number;
  readonly migrated?: number;
  /** Share of a prompt that the router found cached, from 0 to 1: the mean within the window. */
  readonly cacheHitRate?: number;
  /** Requests that `cacheHitRate` stands on; each pool of workers that is routed counts a request. */
  readonly cacheHitCount?: number;
  /** Share of the prompts' tokens that the engine did not compute again. */
  readonly cachedTokenShare?: number;
  readonly routingMs?: Distribution;
  readonly routerQueue?: number;
}

export interface WorkFigures extends Common {
  /** In a batch of the engine. */
  readonly running?: number;
  /** Of the KV cache, from 0 to 1; of the fullest worker. */
  readonly kvUsage?: number;
  /** Of prefill or decode alone, or of the whole request on an aggregated worker. */
  readonly requestMs?: Distribution;
  /** Share of the prompts' tokens that the engine found in its cache within the window; or else as it last said. */
  readonly cacheHitRate?: number;
  readonly transfer?: Transfer;
}

export interface RoleFigures extends WorkFigures {
  /** The mode of its workers, or the component where there is none. */
  readonly role: string;
  readonly workers: number;
  /** Those that answered this time. */
  readonly answering: number;
}

export type ProcessFigures =
  | ({ readonly kind: 'frontend'; readonly name: string; readonly answers: boolean } & ServingFigures)
  | ({
      readonly kind: 'worker';
      readonly name: string;
      readonly role: string;
      readonly answers: boolean;
      /** Decimal, as text. */
      readonly workerId?: string;
      readonly routed?: RoutedWorker;
    } & WorkFigures);

export interface Figures {
  /**
   * What rates and distributions stand on: the time since the oldest round, at most the window that was asked for. Absent with
   * one round: then distributions and totals are since the start of each process, and rates are not known.
   */
  readonly windowMs?: number;
  /** Of all requests, as the frontend sees them. */
  readonly deployment: ServingFigures;
  readonly roles: readonly RoleFigures[];
  readonly processes: readonly ProcessFigures[];
}

/** `rounds`: oldest first, the latest last; those before the window are not used. */
export function figures(
  rounds: readonly Round[],
  processes: readonly MeasuredProcess[],
  windowMs = usualWindowMs,
): Figures {
  const seen = windowOf(rounds, windowMs);
  const measured = processes.filter(({ kind }) => kind !== 'infra');
  const frontends = measured.filter(({ kind }) => kind === 'frontend');
  const workers = measured.filter(({ kind }) => kind === 'worker');
  const roles = [...new Set(workers.map(roleOf))];
  const routed = frontends.flatMap(({ name }) => seen.latest?.readings.get(name)?.routed ?? []);
  return {
    ...(seen.ms === undefined ? {} : { windowMs: seen.ms }),
    deployment: servingFigures(seen, namesOf(frontends)),
    roles: roles.map((role) => {
      const names = namesOf(workers.filter((each) => roleOf(each) === role));
      return {
        role,
        workers: names.length,
        answering: answering(seen, names).length,
        ...workFigures(seen, names),
      };
    }),
    processes: measured.map((each): ProcessFigures => {
      const { name } = each;
      const answers = answering(seen, [name]).length > 0;
      // What a process that does not answer did before says nothing about it now.
      const names = answers ? [name] : [];
      if (each.kind === 'frontend')
        return { kind: 'frontend', name, answers, ...servingFigures(seen, names) };
      const workerId = seen.latest?.readings.get(name)?.workerId;
      return known({
        kind: 'worker',
        name,
        role: roleOf(each),
        answers,
        workerId,
        routed: routed.find(({ workerId: id }) => id === workerId),
        ...workFigures(seen, names),
      });
    }),
  };
}

function roleOf({ mode, component }: MeasuredProcess): string {
  return mode ?? component;
}

function namesOf(processes: readonly MeasuredProcess[]): string[] {
  return processes.map(({ name }) => name);
}

function most(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : Math.max(...values);
}

function distribution(histogram: Histogram | undefined, factor = 1): Distribution | undefined {
  if (histogram === undefined) return undefined;
  const { count, sum } = histogram;
  const at = (q: number): number | undefined => {
    const value = quantile(histogram, q);
    return value === undefined ? undefined : value * factor;
  };
  if (!(count > 0)) return { count: 0 };
  return known({ count, mean: (factor * sum) / count, p50: at(0.5), p95: at(0.95), p99: at(0.99) });
}

function meanOf(histogram: Histogram | undefined): number | undefined {
  return histogram === undefined || !(histogram.count > 0) ? undefined : histogram.sum / histogram.count;
}

type Known<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the fields that are not known. */
function known<T extends object>(fields: T): Known<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Known<T>;
}

function commonFigures(seen: Window, names: readonly string[]): Common {
  const gpus = names.flatMap((name) => seen.latest?.gpus?.get(name) ?? []);
  const totals = answering(seen, names).map(({ totals: { requests } }) => requests);
  return known({
    requests: addKnown(totals),
    requestsPerSecond: perSecond(seen, risen(seen, names, 'requests')),
    inFlight: addKnown(levels(seen, names, 'inFlight')),
    queued: addKnown(levels(seen, names, 'queued')),
    gpuMemoryBytes: addKnown(gpus.map(({ memoryBytes }) => memoryBytes)),
    gpuUsePercent: most(gpus.flatMap(({ usePercent }) => usePercent ?? [])),
  });
}

function servingFigures(seen: Window, names: readonly string[]): ServingFigures {
  const spread = (name: Spread): Histogram | undefined => spreadOf(seen, names, name);
  const [input, cached, hits] = [spread('inputTokens'), spread('cachedTokens'), spread('routerHitRate')];
  const errors = errorsOf(seen, names);
  const { cancelled: left = 0, ...failed } = errors ?? {};
  return known({
    ...commonFigures(seen, names),
    outputTokensPerSecond: perSecond(seen, risen(seen, names, 'outputTokens')),
    inputTokensPerSecond: perSecond(seen, input?.sum),
    ttftMs: distribution(spread('ttftSeconds'), 1000),
    itlMs: distribution(spread('itlSeconds'), 1000),
    requestMs: distribution(spread('requestSeconds'), 1000),
    errors: errors === undefined ? undefined : Object.values(failed).reduce((sum, count) => sum + count, 0),
    errorsByType: errors === undefined ? undefined : failed,
    cancelled: errors === undefined ? risen(seen, names, 'cancelled') : left,
    rejected: risen(seen, names, 'rejected'),
    migrated: risen(seen, names, 'migrated'),
    cacheHitRate: meanOf(hits),
    cacheHitCount: hits !== undefined && hits.count > 0 ? hits.count : undefined,
    cachedTokenShare:
      cached !== undefined && input !== undefined && input.sum > 0 ? cached.sum / input.sum : undefined,
    routingMs: distribution(spread('routingMs')),
    routerQueue: addKnown(levels(seen, names, 'routerQueue')),
  });
}

function workFigures(seen: Window, names: readonly string[]): WorkFigures {
  const rates = levels(seen, names, 'engineHitRate');
  const [prompt, cached] = [risen(seen, names, 'promptTokens'), risen(seen, names, 'cachedPromptTokens')];
  const last = rates.length === 0 ? undefined : (addKnown(rates) ?? 0) / rates.length;
  const transfer = transferOf(seen, names);
  return known({
    ...commonFigures(seen, names),
    running: addKnown(levels(seen, names, 'running')),
    kvUsage: most(levels(seen, names, 'kvUsage')),
    requestMs: distribution(spreadOf(seen, names, 'requestSeconds'), 1000),
    cacheHitRate: prompt !== undefined && prompt > 0 && cached !== undefined ? cached / prompt : last,
    transfer: Object.keys(transfer).length === 0 ? undefined : transfer,
  });
}

function transferOf(seen: Window, names: readonly string[]): Transfer {
  const level = (name: Level): number | undefined => addKnown(levels(seen, names, name));
  return known({
    latencyMs: distribution(spreadOf(seen, names, 'transferMs')),
    gigabytesPerSecond: distribution(spreadOf(seen, names, 'transferGBps')),
    megabytes: distribution(spreadOf(seen, names, 'transferMB')),
    failed: risen(seen, names, 'failedTransfers'),
    bootstrapQueue: level('bootstrapQueue'),
    sendQueue: level('sendQueue'),
    preallocationQueue: level('preallocationQueue'),
    receiveQueue: level('receiveQueue'),
  });
}
