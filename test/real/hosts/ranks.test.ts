/** One worker on two hosts: rank 0 and the frontend on the first, rank 1 on the second. */
import { expect } from 'vitest';
import { executable } from '../../e2e/harness/cli.ts';
import type { RunRow, Up } from '../../e2e/harness/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { until } from '../../support/until.ts';
import { answers, ask, rowOf } from '../support/host-commands.ts';
import { untilSaid } from '../support/session.ts';
import { type Host, test } from '../support/two-hosts.ts';

const worker = ['--engine=sim', '--set=device=cpu', '--set=components.worker.tensorParallel=2'];

function ranksOf(first: Host, more: readonly string[] = []): { zero: string[]; one: string[] } {
  const meet = ['--nnodes=2', `--dist-init-addr=${first.address}:29500`];
  const join = `--join=http://${first.address}:2379`;
  return {
    zero: ['up', 'agg', ...worker, ...meet, '--node-rank=0', '-d', '--json', ...more],
    one: ['up', 'agg', ...worker, ...meet, '--node-rank=1', join, '-d', '--json', ...more],
  };
}

async function startBoth([first, second]: readonly [Host, Host]): Promise<Up> {
  const { zero, one } = ranksOf(first);
  const up = first.dynamo(...zero, `--http-port=${await freePort()}`);
  up.catch(() => {});
  await until('etcd', async () => await answers(second, `http://${first.address}:2379/health`));
  await second.dynamo(...one);
  return JSON.parse((await up).stdout) as Up;
}

async function workerOf(host: Host): Promise<RunRow['processes'][number]> {
  const found = (await rowOf(host)).processes.find(({ name }) => name === 'worker');
  if (found === undefined) throw new Error('the run has no worker');
  return found;
}

const timeout = 120_000;

test('two ranks are one worker: the first serves, the second has loaded', { timeout }, async ({ hosts }) => {
  const [first, second] = hosts;
  const up = await startBoth(hosts);
  expect(up.proof.answer).not.toBe('');
  expect((await rowOf(second)).processes.map(({ name }) => name)).toEqual(['worker']);
  expect(await ask(first, up)).toBe(8);
  await second.dynamo('down');
  await first.dynamo('down');
});

test('rank 1 is not ready before rank 0 is there', { timeout }, async ({ hosts }) => {
  const [first, second] = hosts;
  const port = `--http-port=${await freePort()}`;
  const infra = first.run([
    process.execPath,
    executable,
    'up',
    'agg',
    '--engine=sim',
    '--only=frontend',
    port,
  ]);
  await until('etcd', async () => await answers(second, `http://${first.address}:2379/health`));
  const { one } = ranksOf(first, ['--timeout=3']);
  const { code, stderr } = await second.run([process.execPath, executable, ...one]).ended;
  expect(code).toBe(69);
  expect(stderr).toContain('no dynamo_component_model_load_time_seconds yet');
  process.kill(infra.pid, 'SIGTERM');
  await infra.ended;
});

test.for([0, 1])(
  'rank %i is killed: both are restarted, and serve again',
  { timeout },
  async (victim, { hosts }) => {
    const up = await startBoth(hosts);
    const struck = hosts[victim] ?? hosts[0];
    process.kill((await workerOf(struck)).pid ?? 0, 'SIGKILL');
    await until(
      'both ranks to be restarted and ready',
      async () => {
        const all = await Promise.all(hosts.map(workerOf));
        return all.every(({ restarts, state }) => restarts > 0 && state === 'ready');
      },
      60_000,
    );
    await until('an answer', async () => (await ask(hosts[0], up).catch(() => 0)) === 8, 60_000);
    await Promise.all(hosts.map(async (host) => await host.dynamo('down')));
  },
);

test(
  'a host that is cut off: rank 0 is restarted and waits; both serve when it is back',
  { timeout: 180_000 },
  async ({ hosts }) => {
    const [first, second] = hosts;
    const up = await startBoth(hosts);
    second.plug(false);
    const events = first.run([process.execPath, executable, 'events', up.runId]);
    // A lease of 10 s, and three looks.
    await untilSaid(events, /worker .*rank 1, on 10\.77\.0\.2, is gone/, 45_000);
    await until('rank 0 to wait', async () => (await workerOf(first)).state === 'started', 60_000);
    second.plug(true);
    await until(
      'both ranks to be ready again',
      async () => (await Promise.all(hosts.map(workerOf))).every(({ state }) => state === 'ready'),
      90_000,
    );
    await until('an answer', async () => (await ask(first, up).catch(() => 0)) === 8, 60_000);
    await Promise.all(hosts.map(async (host) => await host.dynamo('down')));
  },
);

test('the same rank twice, and another model, are refused', { timeout }, async ({ hosts }) => {
  const [first, second] = hosts;
  await startBoth(hosts);
  const { one } = ranksOf(first, ['--name=agg']);
  // Another user of that host, as it were.
  const here = ['env', `XDG_STATE_HOME=${second.world.root}/other`, process.execPath, executable];
  const twice = await second.run([...here, ...one]).ended;
  expect(twice.stderr).toMatch(/Rank 1 of this worker is already run by 10\.77\.0\.2 \(run agg-\w+\)/);
  expect(twice.code).toBe(75);
  const model = [...one, '--model=another/model'];
  const differs = await second.run([...here, ...model]).ended;
  // Whichever of the two records etcd lists first.
  expect(differs.stderr).toMatch(/This host would serve another\/model, and 10\.77\.0\.[12] /);
  expect(differs.code).toBe(64);
  await Promise.all(hosts.map(async (host) => await host.dynamo('down')));
});
