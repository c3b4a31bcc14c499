/** Real processes of upstream when their etcd loses its data, and with requests over NATS. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { succeed } from '../../e2e/harness/cli.ts';
import { pidOf, ps, type Running, up } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import { install, versions } from '../support/installed.ts';
import { pythons } from '../support/python.ts';
import { fill, makeRoom, startSmallEtcd } from '../support/small-etcd.ts';

const timeout = 300_000;
const [binaries] = versions();

async function answers({ client, model }: Running): Promise<boolean> {
  const asked = client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'Hello!' }],
    max_tokens: 4,
  });
  return await asked.then(
    ({ usage }) => usage?.completion_tokens === 4,
    () => false,
  );
}

/** Number of restarts of a process; `undefined` unless it is ready. */
async function restartsOf(world: World, wanted: string): Promise<number | undefined> {
  const [run] = await ps(world);
  const found = run?.processes.find(({ name }) => name === wanted);
  return found?.state === 'ready' ? found.restarts : undefined;
}

describe.each(pythons('mocker'))('$name', ({ python }) => {
  const mocker = ['--engine', 'mocker', '--python', python];

  test(
    'etcd without its data: worker and frontend exit, are restarted, and serve',
    { timeout },
    async ({ world }) => {
      if (binaries !== undefined) install(world, binaries);
      const running = await up(world, 'agg', [...mocker, '--infra', 'process']);
      const etcd = await pidOf(world, 'etcd');
      // Nothing of it may be written after it is gone.
      process.kill(etcd, 'SIGSTOP');
      rmSync(join(world.state, 'dynamo', 'runs', running.runId, 'infra', 'etcd', 'member'), {
        recursive: true,
      });
      process.kill(etcd, 'SIGKILL');
      for (const name of ['worker', 'frontend']) {
        const isBack = async (): Promise<boolean> => ((await restartsOf(world, name)) ?? 0) > 0;
        await until(`${name} to be started again`, isBack, 120_000);
      }
      await until('an answer', async () => await answers(running), 120_000);
      await succeed(world, ['down']);
      const { stdout } = await succeed(world, ['events', 'agg']);
      expect(stdout).toMatch(/frontend failed: exited with code 0/);
    },
  );

  test('requests over NATS: serves, and again after NATS was killed', { timeout }, async ({ world }) => {
    if (binaries !== undefined) install(world, binaries);
    const running = await up(world, 'agg', [...mocker, '--request-plane', 'nats']);
    expect(running.notes).toMatch(/^nats +process/m);
    const health = await (await fetch(`${running.url}/health`)).text();
    expect(health).toMatch(/"transport":\{"nats_tcp":"dynamo_backend\.generate-/);
    process.kill(await pidOf(world, 'nats'), 'SIGKILL');
    const isBack = async (): Promise<boolean> => (await restartsOf(world, 'nats')) === 1;
    await until('NATS to be started again', isBack, 60_000);
    await until('an answer', async () => await answers(running), 120_000);
    await succeed(world, ['down']);
  });
});

test('etcd fills up: a restarting worker fails, with that as the cause', { timeout }, async ({ world }) => {
  const [{ python } = { python: '' }] = pythons('mocker');
  const url = await startSmallEtcd(binaries?.etcd ?? 'etcd');
  // Newer versions wait two minutes for space, unless configured otherwise.
  const hasty = ['--env', 'ETCD_STARTUP_CONNECT_TIMEOUT_SECONDS=2'];
  const wishes = ['--engine', 'mocker', '--python', python, '--discovery', 'etcd', ...hasty];
  await up(world, 'agg', wishes, { env: { ETCD_ENDPOINTS: url } });
  await fill(url);
  process.kill(await pidOf(world, 'worker'), 'SIGKILL');
  await until('the run to be over', async () => (await ps(world)).length === 0, 180_000);
  const { stdout } = await succeed(world, ['events', 'agg']);
  expect(stdout).toContain(`cause: etcd at ${url} is full`);
  await makeRoom(url);
  await up(world, 'agg', wishes, { env: { ETCD_ENDPOINTS: url } });
  await succeed(world, ['down']);
});
