/** The metrics of sim: what a request does to them while it waits, while it runs, and afterwards. */
import { expect, test } from 'vitest';
import { figures } from '../../../src/metrics/figures.ts';
import { readFrontend, readWorker } from '../../../src/metrics/reading.ts';
import { ask, deploy, type Deployment, longPrompt, metric } from './deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { until } from './processes.ts';

const disagg = [
  { name: 'frontend', kind: 'frontend', component: 'frontend' },
  { name: 'prefill', kind: 'worker', component: 'prefill', mode: 'prefill' },
  { name: 'decode', kind: 'worker', component: 'decode', mode: 'decode' },
] as const;

async function page(url: string): Promise<string> {
  return await (await fetch(`${url}/metrics`)).text();
}

async function figuresOf({ url, workers }: Deployment) {
  const [front = '', ...rest] = await Promise.all([url, ...workers.map(({ status }) => status)].map(page));
  const readings = new Map(
    disagg.map(({ name }, index) => [
      name,
      index === 0 ? readFrontend(front) : readWorker(rest[index - 1] ?? ''),
    ]),
  );
  return figures([{ at: 0, readings }], disagg);
}

async function deployDisagg(
  decode: readonly string[] = [],
  prefill: readonly string[] = [],
): Promise<Deployment> {
  const port = String(await freePort());
  return await deploy([
    ['--mode', 'prefill', '--bootstrap-port', port, ...prefill],
    ['--mode', 'decode', ...decode],
  ]);
}

const slow = ['--tokens-per-second', '5'];

test(
  'a full batch makes requests wait: at the worker, and for their first token',
  { timeout: 30_000 },
  async () => {
    const deployment = await deployDisagg([...slow, '--max-running-requests', '1', '--page-size', '1']);
    const leave = new AbortController();
    const streams = Array.from({ length: 3 }, async () => {
      const response = await fetch(`${deployment.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'acme/tiny',
          messages: [{ role: 'user', content: longPrompt('wait') }],
          max_tokens: 500,
          stream: true,
        }),
        signal: leave.signal,
      });
      return await response.text();
    });
    const ended = Promise.allSettled(streams);
    await until('one runs and two wait', async () => {
      const { deployment: all, roles } = await figuresOf(deployment);
      return roles[1]?.running === 1 && roles[1].queued === 2 && all.queued === 2;
    });
    const seen = await figuresOf(deployment);
    expect(seen.deployment).toMatchObject({ inFlight: 3, queued: 2, ttftMs: { count: 1 } });
    const [prefill, decode] = seen.roles;
    expect(decode).toMatchObject({ inFlight: 3, running: 1, queued: 2 });
    expect(decode?.transfer).toMatchObject({ receiveQueue: 0, preallocationQueue: 0 });
    expect(decode?.kvUsage).toBeGreaterThan(0);
    expect(prefill).toMatchObject({ inFlight: 0, running: 0, queued: 0, requests: 3 });
    expect(prefill?.transfer).toMatchObject({
      sendQueue: 0,
      latencyMs: { count: 3 },
      megabytes: { count: 3 },
    });
    const [, , decoding] = seen.processes;
    expect(decoding).toMatchObject({ routed: { workerType: 'decode' } });
    expect((decoding?.kind === 'worker' && decoding.routed?.activeDecodeBlocks) || 0).toBeGreaterThan(0);

    leave.abort();
    await ended;
    await until('nothing is in flight', async () => (await figuresOf(deployment)).deployment.inFlight === 0);
    const after = await figuresOf(deployment);
    expect(after.deployment).toMatchObject({ queued: 0, errors: 0, cancelled: 3 });
    expect(after.roles[1]).toMatchObject({ running: 0, queued: 0, inFlight: 0, kvUsage: 0 });
  },
);

test('the time to the first token begins with the request, and includes prefill', async () => {
  // 100 times as fast as decode: 300 words take more than a second.
  const deployment = await deployDisagg([], slow);
  const begin = performance.now();
  const asked = ask(deployment.url, longPrompt('long'), { max_tokens: 4 });
  await until('prefill computes', async () => {
    const { deployment: all, roles } = await figuresOf(deployment);
    return roles[0]?.running === 1 && roles[1]?.transfer?.receiveQueue === 1 && all.queued === 1;
  });
  await (await asked).text();
  const took = performance.now() - begin;
  const { ttftMs, itlMs } = (await figuresOf(deployment)).deployment;
  expect(ttftMs?.count).toBe(1);
  expect(ttftMs?.mean).toBeGreaterThan(took * 0.5);
  expect(ttftMs?.mean).toBeLessThanOrEqual(took);
  expect(itlMs?.count).toBe(3);
  expect(itlMs?.mean).toBeLessThan(took * 0.1);
});

test('a failed transfer is counted, and so is an error by its type', async () => {
  const deployment = await deployDisagg([], ['--broken-transfer']);
  await (await ask(deployment.url, 'Hello')).text();
  expect((await ask(deployment.url, 'Hello', { model: 'nobody' })).status).toBe(404);
  expect((await ask(deployment.url, 'Hello', { n: 2 })).status).toBe(400);
  const { deployment: all, roles } = await figuresOf(deployment);
  expect(all).toMatchObject({ errors: 2, errorsByType: { not_found: 1, validation: 1 }, cancelled: 0 });
  expect(roles[1]?.transfer?.failed).toBe(1);
});

test('the series of a worker that is gone vanish', async () => {
  const deployment = await deploy([[], []]);
  for (let i = 0; i < 4; i++) await (await ask(deployment.url, `Hello ${i}`)).text();
  const shown = 'dynamo_frontend_worker_last_time_to_first_token_seconds';
  const workersShown = async (): Promise<number> =>
    (await page(deployment.url)).split('\n').filter((line) => line.startsWith(`${shown}{`)).length;
  expect(await workersShown()).toBe(2);
  deployment.workers[0]?.child.kill('SIGTERM');
  await until('one is left', async () => (await workersShown()) === 1);
  expect(await metric(deployment.url, 'dynamo_frontend_inflight_requests')).toBe(0);
});
