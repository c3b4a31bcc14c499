/** What a run has done so far, from upstream's metrics. */
import { expect, test } from 'vitest';
import { frontendCounters, workerCounters } from '../../../src/base/counters.ts';

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

test('of a worker the fullest rank, and requests to generate alone', () => {
  const text = `dynamo_component_requests_total{dynamo_endpoint="generate"} 7
dynamo_component_requests_total{dynamo_endpoint="clear_kv_blocks"} 40
sglang:token_usage{model_name="a",dp_rank="0"} 0.25
sglang:token_usage{model_name="a",dp_rank="1"} 0.5
`;
  expect(workerCounters(text, 'sglang:token_usage')).toEqual({ requests: 7, kvUsage: 0.5 });
  expect(workerCounters(text, undefined)).toEqual({ requests: 7 });
});
