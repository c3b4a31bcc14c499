/** Reads Prometheus text: request counters of workers prove that a role really took part. */

/** Sum over all series of this name that carry all of these labels; 0 when there is none, as upstream's appear with the first request. */
export function sumOfSeries(
  metrics: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  let sum = 0;
  for (const line of metrics.split('\n')) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    const place = line.slice(0, line.lastIndexOf(' '));
    if (!wanted.every((label) => place.includes(label))) continue;
    sum += Number(line.slice(place.length + 1)) || 0;
  }
  return sum;
}

/** Requests that a worker has taken on its endpoint `generate`. */
export function generateRequests(metrics: string): number {
  return sumOfSeries(metrics, 'dynamo_component_requests_total', { dynamo_endpoint: 'generate' });
}
