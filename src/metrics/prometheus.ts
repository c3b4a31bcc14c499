/** Prometheus' text format: samples by name, and histograms with their quantiles. */

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** The samples of one `/metrics` page, by name. Histograms stand under `NAME_bucket`, `NAME_sum` and `NAME_count`. */
export type Page = ReadonlyMap<string, readonly Sample[]>;

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?[ \t]+([^ \t]+)(?:[ \t]+-?\d+)?[ \t]*$/;
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** `wanted`: of these names only, since a page has a thousand lines. A line that is cut off or foreign is left out. */
export function readPage(text: string, wanted: (name: string) => boolean = () => true): Page {
  const page = new Map<string, Sample[]>();
  for (const each of text.split('\n')) {
    const end = each.search(/[{ \t]/);
    if (end <= 0 || each.startsWith('#') || !wanted(each.slice(0, end))) continue;
    const [, name, labels = '', shown = ''] = line.exec(each.trimEnd()) ?? [];
    const value = numberOf(shown);
    if (name === undefined || value === undefined) continue;
    const samples = page.get(name);
    const sample = { labels: labelsIn(labels), value };
    if (samples === undefined) page.set(name, [sample]);
    else samples.push(sample);
  }
  return page;
}

/** NaN stands for a value that is not known: there is none. */
function numberOf(shown: string): number | undefined {
  const infinite = /^([+-]?)Inf$/i.exec(shown);
  const value = infinite === null ? Number(shown || 'NaN') : infinite[1] === '-' ? -Infinity : Infinity;
  return Number.isNaN(value) ? undefined : value;
}

function labelsIn(text: string): Labels {
  const pairs = [...text.matchAll(label)].map(([, key = '', value = '']): [string, string] => [
    key,
    value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
  ]);
  return Object.fromEntries(pairs);
}

/** The samples of a name that have all of these labels. */
export function samplesOf(page: Page, name: string, labels: Labels = {}): readonly Sample[] {
  const samples = page.get(name) ?? [];
  const wanted = Object.entries(labels);
  if (wanted.length === 0) return samples;
  return samples.filter((sample) => wanted.every(([key, value]) => sample.labels[key] === value));
}

export interface Histogram {
  /** Upper bounds of the buckets in ascending order; the last is Infinity. */
  readonly bounds: readonly number[];
  /** Observations up to each bound: cumulative, as in the text. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** All series of a histogram with these labels, added up. `undefined` if there is none. */
export function histogramOf(page: Page, name: string, labels: Labels = {}): Histogram | undefined {
  const counts = new Map<number, number>();
  for (const { labels: all, value } of samplesOf(page, `${name}_bucket`, labels)) {
    const bound = numberOf(all['le'] ?? '');
    if (bound !== undefined) counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  const totals = samplesOf(page, `${name}_count`, labels);
  if (totals.length === 0) return undefined;
  const bounds = [...counts.keys()].toSorted((a, b) => a - b);
  return {
    bounds,
    counts: bounds.map((bound) => counts.get(bound) ?? 0),
    sum: total(samplesOf(page, `${name}_sum`, labels)),
    count: total(totals),
  };
}

function total(samples: readonly Sample[]): number {
  return samples.reduce((sum, { value }) => sum + value, 0);
}

/**
 * As `histogram_quantile` of Prometheus: linear within a bucket, and the highest finite bound for what lies beyond it.
 * `undefined` without observations or buckets.
 */
export function quantile({ bounds, counts }: Histogram, q: number): number | undefined {
  const observed = counts.at(-1) ?? 0;
  if (!(observed > 0)) return undefined;
  const rank = q * observed;
  const index = counts.findIndex((count) => count >= rank && count > 0);
  const upper = bounds[index] ?? Infinity;
  const lower = index === 0 ? 0 : (bounds[index - 1] ?? 0);
  if (upper === Infinity) return bounds.length > 1 ? lower : undefined;
  const below = index === 0 ? 0 : (counts[index - 1] ?? 0);
  const within = (counts[index] ?? 0) - below;
  return lower + (upper - lower) * (within > 0 ? (rank - below) / within : 1);
}

/** What was observed after `before`. Without it, or after a restart of the process, everything. */
export function riseOf(before: Histogram | undefined, after: Histogram): Histogram {
  const fell =
    before === undefined || after.count < before.count || after.bounds.length !== before.bounds.length;
  if (fell) return after;
  return {
    bounds: after.bounds,
    counts: after.counts.map((count, index) => Math.max(0, count - (before.counts[index] ?? 0))),
    sum: after.sum - before.sum,
    count: after.count - before.count,
  };
}

/** Both together; `b` if their buckets differ, as after an upgrade. */
export function sumOf(a: Histogram | undefined, b: Histogram): Histogram {
  if (a === undefined || a.bounds.length !== b.bounds.length) return b;
  return {
    bounds: b.bounds,
    counts: b.counts.map((count, index) => count + (a.counts[index] ?? 0)),
    sum: a.sum + b.sum,
    count: a.count + b.count,
  };
}
