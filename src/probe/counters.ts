/** Reads request counters of workers, which prove that a role really took part. */

/**
 * Sum of `dynamo_component_requests_total` for the endpoint `generate` in Prometheus text; 0 when there is no such
 * line, as upstream's series appear with the first request.
 */
export function generateRequests(metrics: string): number {
  let sum = 0;
  for (const line of metrics.split('\n')) {
    if (!line.startsWith('dynamo_component_requests_total{')) continue;
    if (!line.includes('dynamo_endpoint="generate"')) continue;
    sum += Number(line.slice(line.lastIndexOf(' ') + 1)) || 0;
  }
  return sum;
}
