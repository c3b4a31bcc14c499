/** What upstream's metrics say that a process has done so far. */
import { valuesOfSeries } from './metrics-text.ts';

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
