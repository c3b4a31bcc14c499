/** Pages that real frontends and mockers printed, recorded around a load of 60 chats by 6 clients, which measured it too. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type MeasuredProcess, figures } from '../../../src/metrics/figures.ts';
import type { Round } from '../../../src/metrics/window.ts';
import { readFrontend, readWorker } from '../../../src/metrics/reading.ts';

const processes: readonly MeasuredProcess[] = [
  { name: 'frontend', kind: 'frontend', component: 'frontend' },
  { name: 'prefill-1', kind: 'worker', component: 'prefill', mode: 'prefill' },
  { name: 'decode-1', kind: 'worker', component: 'decode', mode: 'decode' },
];

function roundOf(version: string, stage: string, at: number): Round {
  const readings = processes.map(({ name, kind }) => {
    const text = readFileSync(
      new URL(`../../fixtures/metrics/${version}/${name}-${stage}.txt`, import.meta.url),
      'utf8',
    );
    return [name, kind === 'frontend' ? readFrontend(text) : readWorker(text)] as const;
  });
  return { at, readings: new Map(readings) };
}

/** In milliseconds, as the clients saw them. */
const clients = {
  '1.1.1': { ttft: { p50: 66, p99: 219 }, itlP50: 6.1 },
  '1.6.1': { ttft: { p50: 114, p99: 231 }, itlP50: 5.8 },
} as const;

test.each(Object.entries(clients))('%s: the percentiles agree with what clients saw', (version, seen) => {
  const rounds = [roundOf(version, 'before', 0), roundOf(version, 'after', 6_000)];
  const { deployment, windowMs } = figures(rounds, processes);
  expect(windowMs).toBe(6_000);
  expect(deployment.requestsPerSecond).toBe(10);
  const { ttftMs, itlMs } = deployment;
  expect(ttftMs?.count).toBe(60);
  // Upstream's buckets are about half as wide as their bounds. Clients saw no less: the first six, as they began, much more.
  expect(ttftMs?.p50 ?? 0).toBeGreaterThan(seen.ttft.p50 * 0.5);
  expect(ttftMs?.p50 ?? 0).toBeLessThan(seen.ttft.p50 * 1.5);
  expect(ttftMs?.p99 ?? 0).toBeGreaterThan(ttftMs?.p50 ?? 0);
  expect(ttftMs?.p99 ?? 0).toBeLessThan(seen.ttft.p99 * 1.5);
  expect(itlMs?.count).toBeGreaterThan(3_000);
  expect(itlMs?.p50 ?? 0).toBeGreaterThan(seen.itlP50 * 0.5);
  expect(itlMs?.p50 ?? 0).toBeLessThan(seen.itlP50 * 1.5);
  expect(deployment.outputTokensPerSecond).toBe(640);
  expect(deployment.cacheHitRate).toBe(0);
  expect(deployment.errors).toBe(0);
});

test.each([
  ['1.1.1', { inFlight: 6, queued: 1 }],
  ['1.6.1', { inFlight: 6, queued: 1 }],
])('%s: under load, requests are in flight, on workers that the frontend knows', (version, expected) => {
  const { deployment, processes: each } = figures([roundOf(version, 'during', 0)], processes);
  expect(deployment).toMatchObject(expected);
  expect(deployment.cacheHitRate).toBeLessThan(1);
  const [, prefill, decode] = each;
  expect(prefill).toMatchObject({ role: 'prefill', routed: { workerType: 'prefill' } });
  expect(decode).toMatchObject({ role: 'decode', inFlight: 3, routed: { workerType: 'decode' } });
});

test('1.6.1: the mocker says how full it is; that of 1.1.1 does not, and neither does prefill', () => {
  const decode = (version: string) => figures([roundOf(version, 'during', 0)], processes).roles[1];
  expect(decode('1.6.1')).toMatchObject({ running: 3, queued: 0, kvUsage: 0.00079345703125 });
  expect(decode('1.1.1')).not.toHaveProperty('kvUsage');
  expect(figures([roundOf('1.6.1', 'during', 0)], processes).roles[0]).not.toHaveProperty('running');
});

test('SGLang 0.5.16 with 1.4.2: batch, queues and transfers, after 13 chats on a CPU', () => {
  const names = ['prefill', 'decode'] as const;
  const readings = names.map((name) => {
    const file = new URL(`../../fixtures/metrics/1.4.2-sglang/${name}-after.txt`, import.meta.url);
    return [name, readWorker(readFileSync(file, 'utf8'))] as const;
  });
  const workers = names.map((mode): MeasuredProcess => ({
    name: mode,
    kind: 'worker',
    component: mode,
    mode,
  }));
  const [prefill, decode] = figures([{ at: 0, readings: new Map(readings) }], workers).roles;
  const idle = { requests: 13, inFlight: 0, running: 0, queued: 0, kvUsage: 0, cacheHitRate: 0 };
  expect(prefill).toMatchObject({ ...idle, requestMs: { count: 13 } });
  expect(decode).toMatchObject({ ...idle, requestMs: { count: 13 } });
  // Prefill measures transfers; a failure has not been seen, so how many there were is not known.
  expect(prefill?.transfer).toMatchObject({ bootstrapQueue: 0, sendQueue: 0, latencyMs: { count: 13 } });
  expect(prefill?.transfer?.latencyMs?.p50).toBeCloseTo(93.75);
  expect(prefill?.transfer).not.toHaveProperty('failed');
  expect(decode?.transfer).toMatchObject({ preallocationQueue: 0, receiveQueue: 0 });
  expect(decode?.transfer).not.toHaveProperty('latencyMs');
});
