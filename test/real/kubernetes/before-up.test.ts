/** What `up` finds out about a cluster before it changes anything there. */
import { afterAll, beforeAll, expect } from 'vitest';
import { dynamo, type Ended } from '../../e2e/harness/cli.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { inCluster, whatIsThere } from './cluster-world.ts';
import { type ControlPlane, startControlPlane } from './harness.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane('1.5-main-2026-08-21', 'v1beta1');
}, 120_000);
afterAll(async () => await plane?.stop());

async function refused(world: World, words: readonly string[]): Promise<Ended & { namespace: string }> {
  const env = inCluster(world, plane);
  const namespace = await plane.namespace();
  const ended = await dynamo(world, ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace, ...words], {
    env,
  });
  expect(await whatIsThere(plane, namespace)).toEqual([]);
  return { ...ended, namespace };
}

test('a secret that is missing, and one without HF_TOKEN', async ({ world }) => {
  const missing = await refused(world, ['--hf-secret', 'hf-token']);
  expect(missing.code, missing.stderr).toBe(78);
  expect(missing.stderr).toContain(`there is no secret hf-token in namespace ${missing.namespace}`);
  const namespace = await plane.namespace();
  await plane.kubectl([
    '-n',
    namespace,
    'create',
    'secret',
    'generic',
    'empty',
    '--from-literal=OTHER=a-secret-value',
  ]);
  const env = inCluster(world, plane);
  const wrong = await dynamo(
    world,
    ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace, '--hf-secret', 'empty'],
    { env },
  );
  expect(wrong.stderr).toContain('the secret empty has no key HF_TOKEN, but OTHER');
  expect(wrong.stderr).not.toContain('a-secret-value');
});

test('a claim that is missing', async ({ world }) => {
  const ended = await refused(world, ['--model-cache', 'nowhere']);
  expect(ended.code).toBe(78);
  expect(ended.stderr).toContain(`there is no PersistentVolumeClaim nowhere in namespace ${ended.namespace}`);
});

test('several nodes without Grove', async ({ world }) => {
  const ended = await refused(world, [
    '--set',
    'components.worker.nodes=2',
    '--set',
    'components.worker.gpus=4',
  ]);
  expect(ended.code, ended.stderr).toBe(78);
  expect(ended.stderr).toContain(
    'worker runs on several nodes, and the cluster has neither Grove nor LeaderWorkerSet',
  );
});

test('a namespace that is missing', async ({ world }) => {
  const env = inCluster(world, plane);
  const ended = await dynamo(world, ['up', 'agg', '--on', 'kubernetes', '--namespace', 'nowhere'], { env });
  expect(ended.code, ended.stderr).toBe(78);
  expect(ended.stderr).toContain('there is no namespace nowhere');
  expect(ended.stderr).toContain('fix: kubectl create namespace nowhere');
});

test('a user without rights', async ({ world }) => {
  const ended = await refused(world, ['--context', 'guest']);
  expect(ended.code, ended.stderr).toBe(78);
  expect(ended.stderr).toMatch(
    /this user has no permission in namespace ns-\d+ to: create dynamographdeployments\.nvidia\.com/,
  );
  expect(ended.stderr).toMatch(/fix: kubectl --context guest .*auth can-i create/);
});

test('a context that does not exist', async ({ world }) => {
  const ended = await refused(world, ['--context', 'nowhere']);
  expect(ended.code, ended.stderr).toBe(78);
  expect(ended.stderr).toContain('fix: kubectl config get-contexts');
});
