/** `dynamo infra`: an etcd and a NATS that outlive single runs. */
import { expect } from 'vitest';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
import { ps, up } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
import { leftovers } from '../../oracle/leftovers.ts';
import { keysIn, putKey } from '../support/etcd.ts';
import { install, versions } from '../support/installed.ts';

interface Status {
  readonly runId: string;
  readonly etcd: { readonly addresses: readonly string[] };
  readonly users: readonly string[];
}

test('runs use it in separate namespaces and leave no keys; it is stopped last', async ({ world }) => {
  const [binaries] = versions();
  if (binaries !== undefined) install(world, binaries);
  const missing = await dynamo(world, ['infra', 'status']);
  expect(missing.code).toBe(69);
  expect(missing.stderr).toContain('dynamo infra up');
  await succeed(world, ['infra', 'up']);
  const status = async (): Promise<Status> =>
    JSON.parse((await succeed(world, ['infra', 'status', '--json'])).stdout) as Status;
  const { runId, etcd } = await status();
  // Being up already is success.
  expect(JSON.parse((await succeed(world, ['infra', 'up', '--json'])).stdout)).toMatchObject({ runId });
  expect((await succeed(world, ['ps'])).stdout).toMatch(/infra +shared by runs +ready/);

  const words = ['--discovery', 'etcd', '--events', 'none'];
  const a = await up(world, 'agg', ['--name', 'a', ...words]);
  const b = await up(world, 'agg', ['--name', 'b', ...words]);
  expect(a.notes).toMatch(new RegExp(`^etcd +shared +run ${runId} shares it`, 'm'));
  expect((await ps(world)).find(({ name }) => name === 'a')?.processes.map(({ name }) => name)).toEqual([
    'frontend',
    'worker',
  ]);
  const namespaces = new Set((await keysIn(etcd.addresses[0] ?? '')).map(({ key }) => key.split('/')[2]));
  expect(namespaces).toEqual(new Set([a, b].map((run) => `dynamo-${run.runId.split('-').at(-1)}`)));
  expect((await status()).users.toSorted()).toEqual([a.runId, b.runId].toSorted());

  const used = await dynamo(world, ['infra', 'down']);
  expect(used.code).toBe(75);
  expect(used.stderr).toContain(`These runs use ${runId}: a, b.`);
  await succeed(world, ['down', 'a']);
  // It means the serving run, not the infrastructure.
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toContain(`${b.runId} is down`);
  expect(await keysIn(etcd.addresses[0] ?? '')).toEqual([]);
  await succeed(world, ['infra', 'down']);
  expect(leftovers(world)).toEqual([]);
  expect((await succeed(world, ['infra', 'down'])).stderr).toContain('no shared etcd and NATS are up');
});

test('keys of a planner in a shared etcd are removed with its run, other keys stay', async ({ world }) => {
  const [binaries] = versions();
  if (binaries !== undefined) install(world, binaries);
  await succeed(world, ['infra', 'up', '-q']);
  const { stdout } = await succeed(world, ['infra', 'status', '--json']);
  const url = (JSON.parse(stdout) as Status).etcd.addresses[0] ?? '';
  const { runId } = await up(world, 'agg', ['--discovery', 'etcd', '--events', 'none']);
  const namespace = `dynamo-${runId.split('-').at(-1)}`;
  for (const name of ['num_prefill_workers', 'num_decode_workers', 'decision_id'])
    await putKey(url, `v1/${namespace}/planner/${name}`, '1');
  const others = 'v1/dynamo-other/planner/decision_id';
  await putKey(url, others, '1');
  await succeed(world, ['down', runId]);
  expect((await keysIn(url)).map(({ key }) => key)).toEqual([others]);
  await succeed(world, ['infra', 'down']);
});

test('`down --all` ends runs before the infrastructure they use', async ({ world }) => {
  const [binaries] = versions();
  if (binaries !== undefined) install(world, binaries);
  await succeed(world, ['infra', 'up', '-q']);
  await up(world, 'agg', ['--discovery', 'etcd', '--events', 'none']);
  const { stderr } = await succeed(world, ['down', '--all']);
  expect(stderr).toMatch(/worker stopped[\s\S]*no key of namespace[\s\S]*etcd stopping/);
  expect(await ps(world)).toEqual([]);
});
