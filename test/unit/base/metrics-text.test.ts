/** Upstream's Prometheus metrics: request counters, and totals of a run. */
import { expect, test } from 'vitest';
import {
  frontendCounters,
  generateRequests,
  meanOfHistogram,
  workerCounters,
} from '../../../src/base/metrics-text.ts';

const metrics = `# HELP dynamo_component_requests_total Total number of requests processed by work handler
# TYPE dynamo_component_requests_total counter
dynamo_component_requests_total{dynamo_component="prefill",dynamo_endpoint="generate",dynamo_namespace="dynamo",model="m"} 3
dynamo_component_requests_total{dynamo_component="prefill",dynamo_endpoint="generate",dynamo_namespace="dynamo",model="n"} 2
dynamo_component_requests_total{dynamo_component="prefill",dynamo_endpoint="clear_kv_blocks",dynamo_namespace="dynamo"} 40
dynamo_component_request_bytes_total{dynamo_component="prefill",dynamo_endpoint="generate"} 500
`;

test('sums requests to generate over all series, and no others', () => {
  expect(generateRequests(metrics)).toBe(5);
});

test('before the first request there is no series, and the sum is 0', () => {
  expect(generateRequests('')).toBe(0);
  expect(generateRequests('dynamo_component_uptime_seconds 12\n')).toBe(0);
});

const line = (value: string): string =>
  `dynamo_component_requests_total{dynamo_endpoint="generate"} ${value}\n`;

test('numbers as Prometheus writes them, and other lines', () => {
  expect(generateRequests(line('1e+03'))).toBe(1000);
  expect(generateRequests(line('NaN') + line('2'))).toBe(2);
});

const look = (sum: number, count: number): string =>
  `hits_bucket{le="1"} ${count}\nhits_sum{a="b"} ${sum}\nhits_count{a="b"} ${count}\n`;

test('the mean of a histogram is of new observations, and undefined without any', () => {
  expect(meanOfHistogram(look(1, 4), look(2.9, 6), 'hits')).toBeCloseTo(0.95);
  expect(meanOfHistogram('', look(1.9, 2), 'hits')).toBeCloseTo(0.95);
  expect(meanOfHistogram(look(1, 4), look(1, 4), 'hits')).toBeUndefined();
});

test('before the first request nothing is known', () => {
  expect(frontendCounters('dynamo_frontend_disconnected_clients 0\n')).toEqual({});
  expect(workerCounters('dynamo_component_uptime_seconds 12\n', 'sglang:token_usage')).toEqual({});
});

test('requests and tokens of the frontend, over all models and outcomes', () => {
  const text = `dynamo_frontend_requests_total{model="a",endpoint="chat_completions",status="success"} 3
dynamo_frontend_requests_total{model="a",endpoint="completions",status="error"} 2
dynamo_frontend_output_tokens_total{model="a"} 154
`;
  expect(frontendCounters(text)).toEqual({ requests: 5, tokens: 154 });
});

test('for a worker, the fullest rank and only requests to generate', () => {
  const text = `dynamo_component_requests_total{dynamo_endpoint="generate"} 7
dynamo_component_requests_total{dynamo_endpoint="clear_kv_blocks"} 40
sglang:token_usage{model_name="a",dp_rank="0"} 0.25
sglang:token_usage{model_name="a",dp_rank="1"} 0.5
`;
  expect(workerCounters(text, 'sglang:token_usage')).toEqual({ requests: 7, kvUsage: 0.5 });
  expect(workerCounters(text, undefined)).toEqual({ requests: 7 });
});
