/** What recorded pages of workers and frontends say of work. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { expectedMs, frontendInFlight, readWork } from '../../../src/probe/work-page.ts';

const page = (name: string): string =>
  readFileSync(new URL(`../../fixtures/metrics/${name}.txt`, import.meta.url), 'utf8');
const registersAs = { namespace: 'dynamo', component: 'backend', endpoint: 'generate' };
const decode = { mode: 'decode', registersAs } as const;
const prefill = { mode: 'prefill', registersAs: { ...registersAs, component: 'prefill' } } as const;

test.for(['1.1.1', '1.6.1'])('%s: requests in flight, tokens sent, and the id of the worker', (version) => {
  const [before, during, after] = ['before', 'during', 'after'].map((when) =>
    readWork(page(`${version}/decode-1-${when}`), decode),
  );
  expect(during?.inFlight).toBeGreaterThan(0);
  expect([before?.inFlight, after?.inFlight]).toEqual([0, 0]);
  expect(new Set([before?.work, during?.work, after?.work]).size).toBe(3);
  expect(during?.hasAnswered).toBe(true);
  expect(after?.received).toBeGreaterThan(before?.received ?? Infinity);
  // More than 2^53, and equal to what the frontend writes.
  expect(page(`${version}/frontend-during`)).toContain(`worker_id="${during?.workerId}"`);
  expect(frontendInFlight(page(`${version}/frontend-during`))).toBe(6);
  expect(frontendInFlight(page(`${version}/frontend-after`))).toBe(0);
});

test.for(['1.1.1', '1.6.1'])('%s: other endpoints of a worker are no requests of users', (version) => {
  const text = page(`${version}/prefill-1-during`);
  const raised = text.replaceAll(
    /^(dynamo_component_\w+\{[^}]*worker_kv_query_source[^}]*\}) \S+$/gm,
    (_, series: string) => `${series} 99`,
  );
  expect(readWork(raised, prefill)).toEqual(readWork(text, prefill));
});

test.for(['1.1.1', '1.6.1'])('%s: the frontend says how long a prompt takes', (version) => {
  const text = page(`${version}/frontend-during`);
  const seen = expectedMs(text);
  expect(seen).toBeGreaterThan(20);
  expect(seen).toBeLessThan(200);
  // Ten thousand tokens are computed now, where some hundred took less than a tenth of a second.
  const long = text.replace(/(worker_active_prefill_tokens\{[^}]*"prefill"\}) 0/, '$1 10000');
  expect(expectedMs(long)).toBeGreaterThan(seen * 20);
});

test('time that passes, requests that arrive and clients that leave are no work; a step of the scheduler is', () => {
  const text = page('1.4.2-sglang/decode-after');
  const { work } = readWork(text, decode);
  const series = (name: string, from: string, to: string): string => {
    const changed = text.replaceAll(new RegExp(`^(${name}(?:\\{[^}]*\\})?) ${from}$`, 'gm'), `$1 ${to}`);
    expect(changed).not.toBe(text);
    return changed;
  };
  for (const name of [
    'dynamo_component_uptime_seconds',
    'dynamo_component_requests_total',
    'dynamo_component_cancellation_total',
  ])
    expect(readWork(series(name, '\\S+', '77'), decode).work).toBe(work);
  for (const name of ['sglang:num_used_tokens', 'sglang:generation_tokens_total', 'sglang:token_usage'])
    expect(readWork(series(name, '\\S+', '77'), decode).work).not.toBe(work);
});

const line = (rank: number) => `sglang:num_decode_transfer_queue_reqs{model_name="m",tp_rank="${rank}"} 4.0`;

test('requests that wait for the other role are counted once for all ranks', () => {
  const read = readWork(`${line(0)}\n${line(1)}\n`, decode);
  expect(read.waiting).toBe(4);
  expect(readWork(`${line(0)}\n`, prefill).waiting).toBe(0);
});

test('an empty page is a worker without requests', () => {
  expect(readWork('', decode)).toMatchObject({ inFlight: 0, received: 0, hasAnswered: false });
  expect([frontendInFlight(''), expectedMs('')]).toEqual([0, 0]);
});
