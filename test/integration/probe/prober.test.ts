/** The prober against real HTTP servers that act as frontend and workers. */
import type { RequestListener } from 'node:http';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { ServingPlan } from '../../../src/plan/plan.ts';
import { createProbes, type ForeignListeners } from '../../../src/probe/prober.ts';
import { fakePlan } from '../../support/profile.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { serve } from '../../support/http-server.ts';
import { until } from '../../support/until.ts';

const never = new AbortController().signal;
const nobody: ForeignListeners = () => new Map();
const prober = (foreign: ForeignListeners = nobody) => {
  const probes = createProbes(systemClock, foreign);
  return { ...probes.prober, ...probes.proving };
};
const body =
  (status: number, value: unknown): RequestListener =>
  (_, response) => {
    response.writeHead(status).end(JSON.stringify(value));
  };

async function planOn(front: RequestListener): Promise<ServingPlan> {
  const { url, port } = await serve(front);
  return fakePlan(undefined, { http: { host: '127.0.0.1', port, url } });
}

test('a process is ready at the first 200, whatever came before', async () => {
  const statuses = [503, 404, 200];
  const { url } = await serve((_, response) => response.writeHead(statuses.shift() ?? 500).end());
  await prober().ready({ kind: 'http', url }, never);
  expect(statuses).toEqual([]);
});

test('a worker is ready when its endpoint is, whatever the status code', async () => {
  const states = ['notready', 'ready'];
  const { url } = await serve((request, response) =>
    body(503, { endpoints: { generate: states.shift() } })(request, response),
  );
  await prober().ready({ kind: 'endpoint', url, endpoint: 'generate' }, never);
  expect(states).toEqual([]);
});

test.each(['', 'no JSON', 'null', '{"endpoints":null}', '{"endpoints":{"other":"ready"}}'])(
  'a worker whose health says %j is not ready',
  async (text) => {
    const { url } = await serve((_, response) => response.end(text));
    const stop = new AbortController();
    const one = prober();
    const probe = { kind: 'endpoint', url, endpoint: 'generate' } as const;
    const waiting = one.ready(probe, stop.signal);
    waiting.catch(() => {});
    await until('a first look', () => one.lastSeen(probe));
    stop.abort('enough');
    await expect(waiting).rejects.toBe('enough');
  },
);

test('the last state is kept for each probe separately', async () => {
  const stop = new AbortController();
  const one = prober();
  const refused = { kind: 'http', url: `http://127.0.0.1:${await freePort()}/live` } as const;
  const unready = { kind: 'http', url: (await serve(body(503, { status: 'loading' }))).url } as const;
  const waits = [refused, unready].map((probe) => one.ready(probe, stop.signal).catch(() => {}));
  await until(
    'both to be seen',
    () => one.lastSeen(refused) !== undefined && one.lastSeen(unready) !== undefined,
  );
  stop.abort();
  await Promise.all(waits);
  expect(one.lastSeen(refused)?.text).toBe(`${refused.url}: connection refused`);
  expect(one.lastSeen(unready)?.text).toBe(`${unready.url}: HTTP 503 {"status":"loading"}`);
  expect(one.lastSeen()).toBeDefined();
  expect(prober().lastSeen()).toBeUndefined();
});

test('a planned port on which another process answers is reported as busy', async () => {
  const base = fakePlan();
  const processes = base.processes.map((spec, i) => ({
    ...spec,
    probe: { kind: 'http' as const, url: `http://127.0.0.1:${9_000 + i}/` },
  }));
  const plan = { ...base, processes };
  const pidOf = (name: string): number => 100 + processes.findIndex((spec) => spec.name === name);
  const foreign = prober((owners) => {
    expect([...owners].slice(0, 2)).toEqual([
      [9_000, 100],
      [9_001, 101],
    ]);
    return new Map([[9_001, 'pid 7 (nginx)']]);
  });
  await expect(foreign.listenersAreOurs(plan, pidOf)).rejects.toMatchObject({
    code: 'busy',
    message: 'Port 9001 is planned for this run, but pid 7 (nginx) is listening on it.',
  });
  await prober().listenersAreOurs(plan, pidOf);
});

test('waits until all expected instances are known', async () => {
  const instance = { namespace: 'dynamo', component: 'backend', endpoint: 'generate', instance_id: 1 };
  let known = 0;
  const plan = await planOn((request, response) => {
    known += 1;
    body(200, { instances: Array.from({ length: known }, () => instance) })(request, response);
  });
  await prober().instances(plan, [{ ...instance, count: 3 }], never);
  expect(known).toBe(3);
});

test('waits until the model is listed under its name', async () => {
  const lists = [
    { data: [] },
    { object: 'list' },
    { data: [{ id: 'other' }] },
    { data: [{ id: 'other' }, { id: 'tiny/model' }] },
  ];
  const plan = await planOn((request, response) => body(200, lists.shift())(request, response));
  const one = prober();
  await one.modelListed(plan, never);
  expect(lists).toEqual([]);
  expect(one.lastSeen()?.text).toBe('models listed: other; expected: tiny/model');
});

test('a draining frontend lists nothing', async () => {
  const plan = await planOn(body(503, { data: [{ id: 'tiny/model' }] }));
  const stop = new AbortController();
  const one = prober();
  const waiting = one.modelListed(plan, stop.signal);
  waiting.catch(() => {});
  await until('a look', () => one.lastSeen());
  stop.abort('enough');
  await expect(waiting).rejects.toBe('enough');
  expect(one.lastSeen()?.text).toBe('models listed: none; expected: tiny/model');
});
