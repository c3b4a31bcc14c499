/** Counters, gauges and histograms in Prometheus' text format. */
export type Labels = Readonly<Record<string, string>>;
type Kind = 'counter' | 'gauge' | 'histogram';

/** From 1 ms to 100 s, each a half more than the one before: finer than upstream's, whose percentiles are coarse. */
const seconds = Array.from({ length: 30 }, (_, index) => Number((0.001 * 1.5 ** index).toPrecision(2)));
const milliseconds = seconds.map((bound) => Number((bound * 10).toPrecision(2)));
const tokens = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];
const shares = Array.from({ length: 21 }, (_, index) => index / 20);
const amounts = Array.from({ length: 9 }, (_, index) => Number(`1e${index - 6}`));

/** By the unit at the end of a name. */
const boundsByUnit = { seconds, ms: milliseconds, tokens, rate: shares, mb: amounts, s: amounts };

function boundsOf(name: string): readonly number[] {
  const unit = name.slice(name.lastIndexOf('_') + 1);
  return unit in boundsByUnit ? boundsByUnit[unit as keyof typeof boundsByUnit] : seconds;
}

export type Metrics = ReturnType<typeof metrics>;

interface Observed {
  readonly bounds: readonly number[];
  /** Of each bucket alone. */
  readonly counts: number[];
  sum: number;
}

export function metrics() {
  const numbers = new Map<string, { kind: 'counter' | 'gauge'; series: Map<string, number> }>();
  const histograms = new Map<string, Map<string, Observed>>();
  const readers: (() => void)[] = [];

  const seriesOf = (kind: 'counter' | 'gauge', name: string): Map<string, number> => {
    const family = numbers.get(name) ?? { kind, series: new Map<string, number>() };
    numbers.set(name, family);
    return family.series;
  };
  const add = (kind: 'counter' | 'gauge', name: string, labels: Labels, by: number): void => {
    const series = seriesOf(kind, name);
    const shown = labelText(labels);
    series.set(shown, (series.get(shown) ?? 0) + by);
  };
  return {
    count: (name: string, labels: Labels, by = 1) => add('counter', name, labels, by),
    /** Adds to a gauge, as for requests in progress. */
    move: (name: string, labels: Labels, by: number) => add('gauge', name, labels, by),
    gauge: (name: string, labels: Labels, value: number) =>
      void seriesOf('gauge', name).set(labelText(labels), value),
    /** Series of workers that are gone must not stay. */
    clear: (name: string) => void numbers.delete(name),
    observe: (name: string, labels: Labels, value: number) => {
      const family = histograms.get(name) ?? new Map<string, Observed>();
      histograms.set(name, family);
      const shown = labelText(labels);
      const bounds = boundsOf(name);
      const seen = family.get(shown) ?? { bounds, counts: [...bounds, Infinity].map(() => 0), sum: 0 };
      family.set(shown, seen);
      const index = bounds.findIndex((bound) => value <= bound);
      const bucket = index < 0 ? bounds.length : index;
      seen.counts[bucket] = (seen.counts[bucket] ?? 0) + 1;
      seen.sum += value;
    },
    /** Called before each read, for gauges that are computed. */
    onRead: (update: () => void) => void readers.push(update),
    text: () => {
      for (const update of readers) update();
      const families = [
        ...[...numbers].map(([name, { kind, series }]) =>
          familyText(
            name,
            kind,
            [...series].map(([labels, value]) => `${seriesName(name, labels)} ${value}`),
          ),
        ),
        ...[...histograms].map(([name, series]) =>
          familyText(
            name,
            'histogram',
            [...series].flatMap(([labels, seen]) => histogramLines(name, labels, seen)),
          ),
        ),
      ];
      return families.join('');
    },
  };
}

function familyText(name: string, kind: Kind, lines: readonly string[]): string {
  const about = `# HELP ${name} Simulated by dynamo's embedded engine\n# TYPE ${name} ${kind}\n`;
  return `${about}${lines.map((line) => `${line}\n`).join('')}`;
}

function histogramLines(name: string, labels: string, { bounds, counts, sum }: Observed): string[] {
  let count = 0;
  const buckets = counts.map((each, index) => {
    count += each;
    const le = `le="${bounds[index] ?? '+Inf'}"`;
    return `${seriesName(`${name}_bucket`, labels === '' ? le : `${labels},${le}`)} ${count}`;
  });
  return [
    ...buckets,
    `${seriesName(`${name}_sum`, labels)} ${sum}`,
    `${seriesName(`${name}_count`, labels)} ${count}`,
  ];
}

function seriesName(name: string, labels: string): string {
  return labels === '' ? name : `${name}{${labels}}`;
}

/** Label values are escaped like JSON strings. */
function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(',');
}
