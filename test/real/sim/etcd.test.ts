import { describe, expect, test } from 'vitest';
import {
  ask,
  deploy,
  generateInstances,
  listed,
  model,
  startWorker,
} from '../../integration/sim/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { start, until } from '../../integration/sim/processes.ts';
import { keysIn, leaseOf, startEtcd } from '../support/etcd.ts';
import { binaries } from '../support/server.ts';

/** Long enough on two slow cores for a lease to expire or etcd to start. */
const patienceMs = 30_000;

describe.each(binaries('etcd'))('%s', (binary) => {
  test('a worker registers under the keys of upstream with a lease, is listed, answers, and removes them', async () => {
    const etcd = await startEtcd(binary);
    const { url, workers } = await deploy([['--kv-events']], [], etcd.env);
    await until('the model is listed', async () => (await listed(url))[0] === model);
    expect((await ask(url, 'Hello')).status).toBe(200);
    const keys = await until('all is announced', async () => {
      const found = await keysIn(etcd.url);
      return found.length === 4 && found;
    });
    const lease = keys[0]?.lease ?? '';
    const hex = BigInt(lease).toString(16);
    expect(keys.map(({ key }) => key)).toEqual([
      `v1/event_channels/namespace/dynamo/component/backend/endpoint/generate/topic/kv-events/${hex}`,
      `v1/instances/dynamo/backend/generate/${hex}`,
      `v1/instances/dynamo/backend/worker_kv_query_source_${hex}/${hex}`,
      `v1/mdc/dynamo/backend/generate/${hex}`,
    ]);
    expect(new Set(keys.map((key) => key.lease))).toEqual(new Set([lease]));
    expect((await leaseOf(etcd.url, lease)).granted).toBe(10);
    expect(keys[1]?.value).toContain(`"instance_id":${lease},"transport":{"tcp":"127.0.0.1:`);

    workers[0]?.child.kill('SIGTERM');
    expect(await workers[0]?.exit).toMatchObject({ code: 0 });
    expect(await keysIn(etcd.url)).toEqual([]);
    await until('nobody is listed', async () => (await listed(url)).length === 0);
  });

  test('keys of a killed worker expire with its lease', async () => {
    const etcd = await startEtcd(binary);
    const { url, workers } = await deploy([[], []], [], { ...etcd.env, ETCD_LEASE_TTL: '3' });
    const before = await until('both are announced', async () => {
      const found = await keysIn(etcd.url);
      return found.length === 4 && found;
    });
    expect((await leaseOf(etcd.url, before[0]?.lease ?? '')).granted).toBe(3);
    workers[0]?.child.kill('SIGKILL');
    await until('one is gone', async () => (await keysIn(etcd.url)).length === 2, patienceMs);
    await until('the frontend knows', async () => (await generateInstances(url)) === 1);
    expect((await ask(url, 'Hello')).status).toBe(200);
  });

  test('a short suspension of etcd is survived, and requests continue', async () => {
    const etcd = await startEtcd(binary);
    const { url, workers, frontend } = await deploy([[]], [], etcd.env);
    await until('the model is listed', async () => (await listed(url)).length === 1);
    const before = await keysIn(etcd.url);
    etcd.server().child.kill('SIGSTOP');
    await until(
      'the worker misses an answer',
      () => workers[0]?.log().includes('keep alive failed'),
      patienceMs,
    );
    expect((await ask(url, 'Hello')).status).toBe(200);
    etcd.server().child.kill('SIGCONT');
    await until(
      'the lease is fresh',
      async () => (await leaseOf(etcd.url, before[0]?.lease ?? '')).left >= 8,
      patienceMs,
    );
    expect(await keysIn(etcd.url)).toEqual(before);
    expect((await ask(url, 'Hello')).status).toBe(200);
    expect([frontend.child.exitCode, workers[0]?.child.exitCode]).toEqual([null, null]);
  });

  test.each(['kept', 'lost'] as const)(
    'etcd returns with its data %s: everything is as before',
    async (data) => {
      const etcd = await startEtcd(binary);
      const { url, workers, frontend } = await deploy([['--kv-events'], []], [], etcd.env);
      const count = 6;
      const before = await until('all is announced', async () => {
        const found = await keysIn(etcd.url);
        return found.length === count && found;
      });
      await until('the model is listed', async () => (await listed(url)).length === 1);
      await etcd.server().kill();
      // As upstream: instances are read from etcd, routing continues with the known ones.
      await until('the frontend notices', async () => (await generateInstances(url)) === 0);
      expect((await ask(url, 'Hello')).status).toBe(200);
      await etcd.restart(data);
      const after = await until(
        'all is announced again',
        async () => {
          const found = await keysIn(etcd.url);
          return found.length === count && found;
        },
        patienceMs,
      );
      const stable = ({ key, value, lease }: (typeof after)[number]) => ({ key, value, lease });
      expect(after.map(stable)).toEqual(before.map(stable));
      await until('both count', async () => (await generateInstances(url)) === 2, patienceMs);
      await until('the model is listed', async () => (await listed(url)).length === 1);
      expect((await ask(url, 'Hello')).status).toBe(200);
      const third = await startWorker([], { DYN_NAMESPACE: 'dynamo', ...etcd.env });
      await until('new ones are seen', async () => (await generateInstances(url)) === 3);
      expect([frontend, ...workers, third].map(({ child }) => child.exitCode)).toEqual([
        null,
        null,
        null,
        null,
      ]);
    },
  );

  test('etcd gone for good: frontend and worker exit with 0 and the message of upstream', async () => {
    const etcd = await startEtcd(binary);
    const { frontend, workers } = await deploy([[]], [], { ...etcd.env, ETCD_LEASE_TTL: '3' });
    await etcd.server().kill();
    for (const left of [frontend, workers[0]]) {
      expect(await left?.exit).toMatchObject({ code: 0, signal: null });
      const words =
        'ERROR dynamo_runtime::transports::etcd::lease: Unable to maintain lease. Check etcd server status';
      await until('its words are read', () => left?.log().includes(words));
      expect(left?.log()).toContain('deadline exceeded');
    }
  });

  test('a worker suspended beyond its lease exits with 0 when it resumes', async () => {
    const etcd = await startEtcd(binary);
    const { url, workers, frontend } = await deploy([[]], [], { ...etcd.env, ETCD_LEASE_TTL: '3' });
    workers[0]?.child.kill('SIGSTOP');
    await until('its keys are gone', async () => (await keysIn(etcd.url)).length === 0, patienceMs);
    await until('the frontend knows', async () => (await generateInstances(url)) === 0);
    workers[0]?.child.kill('SIGCONT');
    expect(await workers[0]?.exit).toMatchObject({ code: 0, signal: null });
    expect(frontend.child.exitCode).toBeNull();
  });

  test('a frontend serves the workers of its namespace, and shows those of all namespaces', async () => {
    const etcd = await startEtcd(binary);
    const first = await deploy([['--served-model-name', 'one']], [], { ...etcd.env, DYN_NAMESPACE: 'aaa' });
    const port = await freePort();
    const env = { ...etcd.env, DYN_NAMESPACE: 'bbb' };
    start(['frontend', '--http-port', String(port)], env);
    await startWorker(['--served-model-name', 'two'], env);
    const url = `http://127.0.0.1:${port}`;
    await until('its own model is listed', async () => (await listed(url)).length > 0);
    await until('the first sees both', async () => (await generateInstances(first.url)) === 2);
    expect(await listed(url)).toEqual(['two']);
    expect(await listed(first.url)).toEqual(['one']);
    expect(await generateInstances(url)).toBe(2);
  });
});
