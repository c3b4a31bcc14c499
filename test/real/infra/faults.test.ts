/** etcd and NATS fail while a run serves: what recovers, and what the user sees. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { dynamo, start, succeed } from '../../e2e/harness/cli.ts';
import { clientOf, pidOf, ps, up, type Running } from '../../e2e/harness/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { until } from '../../support/until.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { leftovers } from '../../oracle/leftovers.ts';
import { isLiving } from '../../oracle/proc.ts';
import { keysIn } from '../support/etcd.ts';
import { install, versions } from '../support/installed.ts';

const [binaries] = versions();
/** Time to start etcd with its data on two slow cores, and to stop a hung one. */
const patienceMs = 40_000;

async function serving(world: World, more: readonly string[] = []): Promise<Running> {
  if (binaries !== undefined) install(world, binaries);
  return await up(world, 'agg_router', ['--infra', 'process', ...more]);
}

/** Waits until another process has replaced it and is ready. */
async function replaced(world: World, name: string, pid: number): Promise<number> {
  return await until(
    `another ${name}`,
    async () => {
      const [run] = await ps(world);
      const found = run?.processes.find((process) => process.name === name);
      return found?.state === 'ready' && found.pid !== pid ? found.pid : undefined;
    },
    patienceMs,
  );
}

async function answers({ url }: Pick<Running, 'url'>): Promise<boolean> {
  const [listed] = (await clientOf(url).models.list()).data;
  const model = listed?.id ?? '';
  const messages = [{ role: 'user' as const, content: 'Hello!' }];
  const { choices } = await clientOf(url).chat.completions.create({ model, messages, max_tokens: 8 });
  return Boolean(choices[0]?.message.content);
}

async function instanceKeys({ infra }: Running): Promise<string[]> {
  const keys = await keysIn(infra?.['etcd']?.[0] ?? '');
  return keys.map(({ key }) => key).filter((key) => key.startsWith('v1/instances/'));
}

test('a killed etcd returns with its data: no worker is lost, and a message explains it', async ({
  world,
}) => {
  const run = await serving(world);
  const before = await instanceKeys(run);
  const workers = [await pidOf(world, 'worker-1'), await pidOf(world, 'worker-2')];
  const etcd = await pidOf(world, 'etcd');
  process.kill(etcd, 'SIGKILL');
  await replaced(world, 'etcd', etcd);
  expect(await instanceKeys(run)).toEqual(before);
  expect(await answers(run)).toBe(true);
  expect([await pidOf(world, 'worker-1'), await pidOf(world, 'worker-2')]).toEqual(workers);
  await succeed(world, ['down']);
  const { stdout } = await succeed(world, ['events', 'agg_router']);
  expect(stdout).toMatch(/etcd was ended by SIGKILL: etcd is restarted with its data\. Dynamo workers/);
});

test('a hung etcd counts as dead and returns with its data', async ({ world }) => {
  const run = await serving(world);
  const etcd = await pidOf(world, 'etcd');
  process.kill(etcd, 'SIGSTOP');
  await replaced(world, 'etcd', etcd);
  expect(isLiving(etcd)).toBe(false);
  await until('the workers are known', async () => (await instanceKeys(run)).length > 0, patienceMs);
  await until('it answers', async () => await answers(run).catch(() => false), patienceMs);
  await succeed(world, ['down']);
});

test('a killed NATS returns, and requests continue', async ({ world }) => {
  const run = await serving(world, ['--events', 'nats']);
  const nats = await pidOf(world, 'nats');
  process.kill(nats, 'SIGKILL');
  expect(await answers(run)).toBe(true);
  await replaced(world, 'nats', nats);
  expect(await answers(run)).toBe(true);
  await succeed(world, ['down']);
});

test('in the foreground, etcd is restarted with a message, and the run continues', async ({ world }) => {
  if (binaries !== undefined) install(world, binaries);
  const port = String(await freePort());
  const session = start(world, ['up', 'agg', '--engine', 'sim', '--infra', 'process', '--http-port', port]);
  await session.until(/is ready after/);
  const etcd = await pidOf(world, 'etcd');
  process.kill(etcd, 'SIGKILL');
  await session.until(/etcd was ended by SIGKILL: etcd is restarted with its data/);
  await replaced(world, 'etcd', etcd);
  expect(await answers({ url: `http://127.0.0.1:${port}` })).toBe(true);
  session.child.kill('SIGINT');
  expect(await session.ended).toMatchObject({ code: 130 });
});

test('after a killed supervisor, the keeper ends etcd and NATS and removes their data', async ({ world }) => {
  await serving(world);
  const [run] = await ps(world);
  if (run === undefined) throw new Error('no run is up');
  process.kill(run.supervisorPid, 'SIGKILL');
  await until('nothing is left', () => leftovers(world).length === 0, patienceMs);
  expect(existsSync(join(run.logs, '..', 'infra', 'etcd'))).toBe(false);
});

test('an etcd that keeps dying is a crash loop, which stops the run in order', async ({ world }) => {
  await serving(world);
  const waiting = start(world, ['wait', '--for', 'stopped']);
  const kill = async (): Promise<void> => {
    const [run] = await ps(world);
    const etcd = run?.processes.find(({ name, state }) => name === 'etcd' && state === 'ready')?.pid;
    if (etcd !== undefined && isLiving(etcd)) process.kill(etcd, 'SIGKILL');
  };
  const over = waiting.ended.then(() => true);
  await until(
    'the run has given up',
    async () => await Promise.race([over, kill().then(() => false)]),
    100_000,
  );
  const [run] = await ps(world, '--all');
  expect(run?.state).toBe('failed');
  const { stdout } = await dynamo(world, ['events', 'agg_router']);
  expect(stdout).toMatch(/crash loop/);
}, 120_000);
