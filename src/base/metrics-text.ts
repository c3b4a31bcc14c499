/** Reads Prometheus text: request counters prove that a role really took part, and tell what a run does. */

type Labels = Readonly<Record<string, string>>;

/** Values of all series of this name that carry all of these labels; what is no number counts as 0. */
function valuesOfSeries(metrics: string, name: string, labels: Labels = {}): number[] {
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

/** A field is absent where its series is: many appear with the first request. */
export interface Counters {
  readonly requests?: number;
  /** Tokens generated. */
  readonly tokens?: number;
  /** Of the KV cache, from 0 to 1; of the fullest rank where there are several. */
  readonly kvUsage?: number;
}

/** From the frontend's own page. Source: docs/upstream/metrics-and-logs.md#frontend. */
export function frontendCounters(metrics: string): Counters {
  return {
    ...total('requests', valuesOfSeries(metrics, 'dynamo_frontend_requests_total')),
    ...total('tokens', valuesOfSeries(metrics, 'dynamo_frontend_output_tokens_total')),
  };
}

/**
 * From the page of a worker's status server. `kvUsage`: the series of its engine for that.
 * Source: docs/upstream/metrics-and-logs.md#worker.
 */
export function workerCounters(metrics: string, kvUsage: string | undefined): Counters {
  const generate = { dynamo_endpoint: 'generate' };
  const usage = kvUsage === undefined ? [] : valuesOfSeries(metrics, kvUsage);
  return {
    ...total('requests', valuesOfSeries(metrics, 'dynamo_component_requests_total', generate)),
    ...(usage.length === 0 ? {} : { kvUsage: Math.max(...usage) }),
  };
}

function total(name: 'requests' | 'tokens', values: readonly number[]): Counters {
  return values.length === 0 ? {} : { [name]: values.reduce((sum, value) => sum + value, 0) };
}
