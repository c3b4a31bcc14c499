/** Counters, gauges and histograms in Prometheus' text format. */
type Labels = Readonly<Record<string, string>>;
type Kind = 'counter' | 'gauge' | 'histogram';

/** Wide enough for seconds, tokens and rates alike. */
const bounds = [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 50, 100, 500, 1000, 5000, 10_000];

export type Metrics = ReturnType<typeof metrics>;

export function metrics() {
  const families = new Map<string, { kind: Kind; series: Map<string, number> }>();

  const add = (kind: Kind, family: string, name: string, labels: Labels, by: number): void => {
    const { series } = families.get(family) ?? { series: new Map<string, number>() };
    families.set(family, { kind, series });
    const shown = seriesName(name, labels);
    series.set(shown, (series.get(shown) ?? 0) + by);
  };
  return {
    count: (name: string, labels: Labels, by = 1) => add('counter', name, name, labels, by),
    /** Adds to a gauge, as for requests in progress. */
    move: (name: string, labels: Labels, by: number) => add('gauge', name, name, labels, by),
    gauge: (name: string, labels: Labels, value: number) => {
      add('gauge', name, name, labels, 0);
      families.get(name)?.series.set(seriesName(name, labels), value);
    },
    observe: (name: string, labels: Labels, value: number) => {
      for (const bound of [...bounds, Infinity]) {
        const le = bound === Infinity ? '+Inf' : String(bound);
        add('histogram', name, `${name}_bucket`, { ...labels, le }, value <= bound ? 1 : 0);
      }
      add('histogram', name, `${name}_sum`, labels, value);
      add('histogram', name, `${name}_count`, labels, 1);
    },
    text: () =>
      [...families]
        .flatMap(([name, { kind, series }]) => [
          `# HELP ${name} Simulated by dynamo's embedded engine`,
          `# TYPE ${name} ${kind}`,
          ...[...series].map(([shown, value]) => `${shown} ${value}`),
        ])
        .join('\n') + '\n',
  };
}

/** Label values are escaped like JSON strings. */
function seriesName(name: string, labels: Labels): string {
  const shown = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return shown.length === 0 ? name : `${name}{${shown.join(',')}}`;
}
