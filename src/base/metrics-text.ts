/** Reads Prometheus text: request counters prove that a role really took part, and tell what a run does. */

type Labels = Readonly<Record<string, string>>;

/** Values of all series of this name that carry all of these labels; what is no number counts as 0. */
export function valuesOfSeries(metrics: string, name: string, labels: Labels = {}): number[] {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return metrics.split('\n').flatMap((line) => {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) return [];
    const place = line.slice(0, line.lastIndexOf(' '));
    return wanted.every((label) => place.includes(label)) ? [Number(line.slice(place.length + 1)) || 0] : [];
  });
}

/** Sum over all such series; 0 when there is none, as upstream's appear with the first request. */
export function sumOfSeries(metrics: string, name: string, labels: Labels = {}): number {
  return valuesOfSeries(metrics, name, labels).reduce((sum, value) => sum + value, 0);
}

/** Requests that a worker has taken on its endpoint `generate`. */
export function generateRequests(metrics: string): number {
  return sumOfSeries(metrics, 'dynamo_component_requests_total', { dynamo_endpoint: 'generate' });
}

/**
 * Mean of what a histogram took up between two looks; `undefined` when that was nothing. Its `_sum` alone is no figure:
 * one request may be observed several times.
 */
export function meanOfHistogram(before: string, after: string, name: string): number | undefined {
  const rise = (part: string): number =>
    sumOfSeries(after, `${name}_${part}`) - sumOfSeries(before, `${name}_${part}`);
  const count = rise('count');
  return count > 0 ? rise('sum') / count : undefined;
}
