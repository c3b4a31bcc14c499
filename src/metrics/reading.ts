/**
 * What one `/metrics` page says, under our own names. A series that a version does not have, or that has not appeared yet,
 * is absent here, never 0.
 */
import { type Histogram, histogramOf, type Page, readPage, type Sample, samplesOf } from './prometheus.ts';
import {
  type Combined,
  frontend,
  type Level,
  ofFrontend,
  ofWorker,
  type Source,
  type Spread,
  type Table,
  type Total,
} from './series.ts';

/** What the frontend last knew of one worker. */
export interface RoutedWorker {
  /** Decimal, as text: it exceeds 2^53. */
  readonly workerId: string;
  readonly workerType: string;
  readonly activeDecodeBlocks?: number;
  readonly activePrefillTokens?: number;
  readonly lastTtftSeconds?: number;
  readonly lastItlSeconds?: number;
}

export interface Reading {
  readonly totals: Readonly<Partial<Record<Total, number>>>;
  readonly levels: Readonly<Partial<Record<Level, number>>>;
  readonly spreads: Readonly<Partial<Record<Spread, Histogram>>>;
  /** Answers that were no success since the start, by type; the type `error` where a version tells none. */
  readonly errors?: Readonly<Record<string, number>>;
  /** Of a worker: decimal, as text. */
  readonly workerId?: string;
  /** Of a frontend. */
  readonly routed?: readonly RoutedWorker[];
}

const routedSeries = {
  activeDecodeBlocks: `${frontend}worker_active_decode_blocks`,
  activePrefillTokens: `${frontend}worker_active_prefill_tokens`,
  lastTtftSeconds: `${frontend}worker_last_time_to_first_token_seconds`,
  lastItlSeconds: `${frontend}worker_last_inter_token_latency_seconds`,
} as const;

const namesOf = ({ totals, levels, spreads }: Table, more: readonly string[] = []): ReadonlySet<string> =>
  new Set([
    ...[...Object.values(totals), ...Object.values(levels)].flatMap(({ names }) => names),
    ...Object.values(spreads).flatMap(({ names }) =>
      names.flatMap((name) => [`${name}_bucket`, `${name}_sum`, `${name}_count`]),
    ),
    ...more,
  ]);

const frontendNames = namesOf(ofFrontend, Object.values(routedSeries));
const workerNames = namesOf(ofWorker);

export function readFrontend(text: string): Reading {
  const page = readPage(text, (name) => frontendNames.has(name));
  const routed = routedWorkers(page);
  const errors = errorsOf(page);
  return {
    ...readTable(page, ofFrontend),
    ...(errors === undefined ? {} : { errors }),
    ...(routed.length === 0 ? {} : { routed }),
  };
}

export function readWorker(text: string): Reading {
  const page = readPage(text, (name) => workerNames.has(name));
  const workerId = workerIdOf(page);
  return { ...readTable(page, ofWorker), ...(workerId === undefined ? {} : { workerId }) };
}

function readTable(
  page: Page,
  { totals, levels, spreads }: Table,
): Pick<Reading, 'totals' | 'levels' | 'spreads'> {
  return {
    totals: mapped(totals, (source) => valueOf(page, source)),
    levels: mapped(levels, (source) => valueOf(page, source)),
    spreads: mapped(spreads, ({ names, labels }) =>
      firstOf(names, (name) => histogramOf(page, name, labels)),
    ),
  };
}

/** Leaves out what is not known. */
function mapped<K extends string, V, R>(
  table: Readonly<Partial<Record<K, V>>>,
  read: (source: V) => R | undefined,
): Partial<Record<K, R>> {
  const found: Partial<Record<K, R>> = {};
  for (const key of Object.keys(table) as K[]) {
    const source = table[key];
    const value = source === undefined ? undefined : read(source);
    if (value !== undefined) found[key] = value;
  }
  return found;
}

function valueOf(page: Page, { names, labels, all, by = 'sum' }: Source): number | undefined {
  const read = (name: string): number | undefined => combined(samplesOf(page, name, labels), by);
  if (all !== true) return firstOf(names, read);
  const values = names.flatMap((name) => read(name) ?? []);
  return values.length === 0 ? undefined : added(values);
}

function firstOf<R>(names: readonly string[], read: (name: string) => R | undefined): R | undefined {
  for (const name of names) {
    const value = read(name);
    if (value !== undefined) return value;
  }
  return undefined;
}

function combined(samples: readonly Sample[], by: Combined): number | undefined {
  if (samples.length === 0) return undefined;
  const values = samples.map(({ value }) => value);
  if (by === 'sum') return added(values);
  if (by === 'max') return Math.max(...values);
  const largest = new Map<string, number>();
  for (const { labels, value } of samples) {
    const rank = labels['dp_rank'] ?? labels['engine'] ?? '';
    largest.set(rank, Math.max(largest.get(rank) ?? 0, value));
  }
  return added([...largest.values()]);
}

function added(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** `undefined` before the first answer. A version without `error_type` says only `status`. */
function errorsOf(page: Page): Record<string, number> | undefined {
  const answers = samplesOf(page, `${frontend}requests_total`);
  if (answers.length === 0) return undefined;
  const errors: Record<string, number> = {};
  for (const { labels, value } of answers) {
    if (labels['status'] === 'success') continue;
    const type = labels['error_type'] || labels['status'] || 'error';
    errors[type] = (errors[type] ?? 0) + value;
  }
  return errors;
}

/** Hexadecimal on the page of a worker, decimal on that of the frontend (1.1.1, 1.6.1, run). */
function workerIdOf(page: Page): string | undefined {
  for (const name of ['dynamo_component_requests_total', 'dynamo_component_uptime_seconds']) {
    const id = page.get(name)?.find(({ labels }) => labels['worker_id'] !== undefined)?.labels['worker_id'];
    if (id !== undefined && /^[0-9a-f]{1,16}$/i.test(id)) return BigInt(`0x${id}`).toString();
  }
  return undefined;
}

function routedWorkers(page: Page): RoutedWorker[] {
  const workers = new Map<string, Partial<Record<keyof typeof routedSeries, number>>>();
  const types = new Map<string, string>();
  for (const field of Object.keys(routedSeries) as (keyof typeof routedSeries)[]) {
    for (const { labels, value } of samplesOf(page, routedSeries[field])) {
      const { worker_id: id, worker_type: type = '' } = labels;
      if (id === undefined) continue;
      const known = workers.get(id) ?? {};
      // Blocks and tokens of all ranks together; of latencies the worst.
      const before = known[field] ?? 0;
      known[field] = field.startsWith('last') ? Math.max(before, value) : before + value;
      workers.set(id, known);
      types.set(id, type);
    }
  }
  return [...workers].map(([workerId, fields]) => ({
    workerId,
    workerType: types.get(workerId) ?? '',
    ...fields,
  }));
}
