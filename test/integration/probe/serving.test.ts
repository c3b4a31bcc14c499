/** The proof that a deployment serves, against real HTTP servers that act as frontend and workers. */
import type { RequestListener } from 'node:http';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import type { ServingPlan } from '../../../src/plan/plan.ts';
import type { Sight } from '../../../src/supervisor/contracts.ts';
import { proveServing } from '../../../src/probe/serving.ts';
import { disaggregated, fakePlan, frontend, profileOf, worker } from '../../support/profile.ts';
import { fastClock } from '../../support/clocks.ts';
import { serve } from '../../support/http-server.ts';

const good = { choices: [{ message: { content: 'Hello.' } }], usage: { completion_tokens: 3 } };
const json =
  (status: number, body: unknown): RequestListener =>
  (request, response) => {
    request.resume().on('end', () => response.writeHead(status).end(JSON.stringify(body)));
  };
const counter = (count: number): string =>
  `dynamo_component_requests_total{dynamo_endpoint="generate"} ${count}\ndynamo_component_requests_total{dynamo_endpoint="other"} ${count * 7}\n`;

async function planOn(
  front: RequestListener,
  counters: () => Readonly<Record<string, number>> = () => ({}),
): Promise<ServingPlan> {
  const profile =
    Object.keys(counters()).length > 0
      ? disaggregated
      : profileOf({ components: { frontend, w: worker('aggregated') } });
  const plan = fakePlan(profile);
  const { url, port } = await serve(front);
  const processes = await Promise.all(
    plan.processes.map(async (spec) => {
      if (spec.kind === 'frontend') return spec;
      const metrics = await serve((_, response) => response.end(counter(counters()[spec.name] ?? 0)));
      return { ...spec, ports: { system: metrics.port } };
    }),
  );
  return { ...plan, http: { host: '127.0.0.1', port, url }, processes };
}

function asking(clock: Clock = systemClock) {
  const seen: string[] = [];
  const stop = new AbortController();
  return { seen, stop, clock, signal: stop.signal, saw: ({ text }: Sight) => void seen.push(text) };
}

test('an answer with tokens proves it', async () => {
  const plan = await planOn(json(200, good));
  expect(await proveServing(plan, asking())).toEqual({
    request: 'POST /v1/chat/completions',
    answer: 'Hello.',
    tookMs: expect.any(Number),
    usedRoles: [],
  });
});

test('a 200 without tokens fails at once, with what was seen', async () => {
  const plan = await planOn(
    json(200, { choices: [{ message: { content: null } }], usage: { completion_tokens: 0 } }),
  );
  await expect(proveServing(plan, asking())).rejects.toMatchObject({
    code: 'not-ready',
    message:
      'The deployment is up but does not serve: HTTP 200 without an answer (completion_tokens 0, content null)',
    hint: `dynamo logs --run ${plan.runId}`,
  });
});

test.each([400, 500])('status %i fails at once', async (status) => {
  const plan = await planOn(json(status, { error: 'broken' }));
  await expect(proveServing(plan, asking())).rejects.toMatchObject({
    message: `The deployment is up but does not serve: HTTP ${status} from /v1/chat/completions: {"error":"broken"}`,
  });
});

test('404 and 503 are retried for a moment', async () => {
  const statuses = [404, 503, 503];
  const plan = await planOn((request, response) => {
    const status = statuses.shift();
    json(status ?? 200, status === undefined ? good : {})(request, response);
  });
  const ask = asking();
  expect((await proveServing(plan, ask)).answer).toBe('Hello.');
  expect(ask.seen).toHaveLength(3);
});

test('so is a frontend that cannot reach a worker yet', async () => {
  let requests = 0;
  const plan = await planOn((request, response) => {
    const early = { message: 'Failed to generate completions', type: 'Internal Server Error', code: 500 };
    if (++requests === 1) json(500, early)(request, response);
    else json(200, good)(request, response);
  });
  expect((await proveServing(plan, asking())).answer).toBe('Hello.');
  expect(requests).toBe(2);
});

test('but not forever', async () => {
  const plan = await planOn(json(503, { message: 'Service is not ready' }));
  await expect(proveServing(plan, asking(fastClock()))).rejects.toMatchObject({
    message: expect.stringContaining('HTTP 503'),
  });
});

test('in a disaggregated deployment every role must have counted a request', async () => {
  const counts = { prefill: 5, 'decode-1': 0, 'decode-2': 2 };
  const plan = await planOn(
    (request, response) => {
      counts.prefill += 1;
      counts['decode-2'] += 1;
      json(200, good)(request, response);
    },
    () => counts,
  );
  expect((await proveServing(plan, asking())).usedRoles).toEqual(['prefill', 'decode']);
});

test('a frontend that discovers a role later is asked again', async () => {
  const counts = { prefill: 5, 'decode-1': 0, 'decode-2': 2 };
  let requests = 0;
  const plan = await planOn(
    (request, response) => {
      requests += 1;
      counts['decode-2'] += 1;
      if (requests === 3) counts.prefill += 1;
      json(200, good)(request, response);
    },
    () => counts,
  );
  expect((await proveServing(plan, asking(fastClock()))).usedRoles).toEqual(['prefill', 'decode']);
  expect(requests).toBe(3);
});

test('an answer that skipped a role proves nothing', async () => {
  const counts = { prefill: 5, 'decode-1': 0, 'decode-2': 2 };
  const plan = await planOn(
    (request, response) => {
      counts['decode-1'] += 1;
      json(200, good)(request, response);
    },
    () => counts,
  );
  const ask = asking(fastClock());
  await expect(proveServing(plan, ask)).rejects.toMatchObject({
    code: 'not-ready',
    message: expect.stringContaining('not by all roles (prefill, decode)'),
  });
  expect(ask.seen).toContain('no request counted on prefill');
});

test('the signal aborts the wait with its own reason', async () => {
  const plan = await planOn(() => {});
  const ask = asking();
  const reason = new Error('stop was asked for');
  const proving = proveServing(plan, ask);
  setTimeout(() => ask.stop.abort(reason), 20);
  await expect(proving).rejects.toBe(reason);
});
