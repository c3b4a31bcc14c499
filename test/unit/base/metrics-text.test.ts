/** Upstream's Prometheus metrics: request counters, and totals of a run. */
import { expect, test } from 'vitest';
import { generateRequests, meanOfHistogram } from '../../../src/base/metrics-text.ts';

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
