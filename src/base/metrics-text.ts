/** Reads Prometheus text: request counters prove that a role took part, and show what a run does. */

type Labels = Readonly<Record<string, string>>;

/** Values of all series with this name and all of these labels; a value that is not a number counts as 0. */
function valuesOfSeries(metrics: string, name: string, labels: Labels = {}): number[] {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return metrics.split('\n').flatMap((line) => {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) return [];
    const place = line.slice(0, line.lastIndexOf(' '));
    return wanted.every((label) => place.includes(label)) ? [Number(line.slice(place.length + 1)) || 0] : [];
  });
}

/** Sum over all such series; 0 if there is none, because upstream's series appear with the first request. */
export function sumOfSeries(metrics: string, name: string, labels: Labels = {}): number {
  return valuesOfSeries(metrics, name, labels).reduce((sum, value) => sum + value, 0);
}

/** Requests that a worker has received on its endpoint `generate`. */
export function generateRequests(metrics: string): number {
  return sumOfSeries(metrics, 'dynamo_component_requests_total', { dynamo_endpoint: 'generate' });
}

/**
 * Mean of what a histogram recorded between two reads; `undefined` if that was nothing. Its `_sum` alone means nothing: one
 * request may be observed several times.
 */
export function meanOfHistogram(before: string, after: string, name: string): number | undefined {
  const rise = (part: string): number =>
    sumOfSeries(after, `${name}_${part}`) - sumOfSeries(before, `${name}_${part}`);
  const count = rise('count');
  return count > 0 ? rise('sum') / count : undefined;
}

/**
 * Kinds of workers (`prefill`, `decode`) that took part in an answer, from a frontend's page: it keeps gauges of the last
 * request for each worker. Seen with 1.1.1, 1.4.2 and 1.6.1; `decode` appears with the second token of an answer.
 */
export function servedRoles(metrics: string): ReadonlySet<string> {
  const lines = metrics.split('\n').filter((line) => line.startsWith('dynamo_frontend_worker_last_'));
  return new Set(lines.flatMap((line) => /[{,]worker_type="(\w+)"/.exec(line)?.[1] ?? []));
}
