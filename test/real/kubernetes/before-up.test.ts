/** What `up` finds out about a cluster before it changes anything there. */
import { afterAll, beforeAll, expect } from 'vitest';
import { dynamo, type Ended } from '../../e2e/harness/cli.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { manifestOf } from '../../support/manifests.ts';
import { shipped } from '../../support/shipped-profiles.ts';
import { until } from '../../support/until.ts';
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
  expect(ended.stderr).toContain('fix: kubectl --context test create namespace nowhere');
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

test('a kubectl that is missing', async ({ world }) => {
  const env = { KUBECONFIG: plane.kubeconfig };
  for (const words of [['up', 'agg'], ['doctor'], ['ps'], ['down', 'agg']]) {
    const ended = await dynamo(world, [...words, '--on', 'kubernetes'], { env });
    expect(ended.code, ended.stderr).toBe(78);
    expect(ended.stderr).toContain('kubectl is not on PATH');
  }
});

/** As after an operator that was removed or has crashed: each read and write asks its webhook. */
test('an operator that is not running, so that its webhook does not answer', async ({ world }) => {
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/dynamographdeployments.nvidia.com';
  const crd = await plane.api<{ spec: { versions: { name: string }[] } }>('GET', path);
  const versions = crd?.spec.versions.map((each) => ({ ...each, storage: each.name === 'v1alpha1' }));
  const service = { namespace: 'dynamo-system', name: 'webhook', path: '/convert', port: 443 };
  const webhook = { conversionReviewVersions: ['v1'], clientConfig: { service } };
  await plane.api('PATCH', path, { spec: { versions, conversion: { strategy: 'Webhook', webhook } } });
  const env = inCluster(world, plane);
  const namespace = await plane.namespace();
  const graphs = `/apis/nvidia.com/v1beta1/namespaces/${namespace}/dynamographdeployments`;
  const { manifest } = manifestOf(await shipped('agg'));
  await until(
    'the API server asks the webhook',
    async () =>
      await plane.api('POST', `${graphs}?dryRun=All`, manifest).then(
        () => false,
        (error: unknown) => String(error).includes('webhook'),
      ),
  );
  const ended = await dynamo(world, ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace], { env });
  expect(ended.code, ended.stderr).toBe(69);
  expect(ended.stderr).toContain(
    'The cluster did not accept agg: the operator of Dynamo is not running: its webhook does not answer.',
  );
  expect(ended.stderr).toContain('-l app.kubernetes.io/name=dynamo-operator');
});
