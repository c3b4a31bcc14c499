/** `scale` on a cluster: replicas of a component, and of one whose replicas a scaling adapter owns. */
import { afterAll, beforeAll, expect } from 'vitest';
import { dynamo, start, succeed } from '../../e2e/harness/cli.ts';
import { test } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import { podsIn, upDetached } from './cluster-world.ts';
import { type ControlPlane, startControlPlane } from './harness.ts';

const versions = [
  { release: '1.5-main-2026-08-21', stored: 'v1beta1' },
  { release: '1.1', stored: 'v1alpha1' },
] as const;

let planes: readonly ControlPlane[] = [];
beforeAll(async () => {
  planes = await Promise.all(
    versions.map(async ({ release, stored }) => await startControlPlane(release, stored)),
  );
}, 180_000);
afterAll(async () => void (await Promise.all(planes.map(async (plane) => await plane.stop()))));

interface Spec {
  readonly components?: readonly { readonly name: string; readonly replicas: number }[];
  readonly services?: Readonly<Record<string, { readonly replicas: number }>>;
}

const graphPath = (plane: ControlPlane, namespace: string): string =>
  `/apis/nvidia.com/${plane.stored}/namespaces/${namespace}/dynamographdeployments/mine`;

async function workersOf(plane: ControlPlane, namespace: string): Promise<number | undefined> {
  const graph = await plane.api<{ spec: Spec }>('GET', graphPath(plane, namespace));
  const { components, services } = graph?.spec ?? {};
  return components?.find(({ name }) => name === 'worker')?.replicas ?? services?.['worker']?.replicas;
}

test.for(versions.map(({ stored }, index) => ({ stored, index })))(
  '$stored: more workers, then fewer; up again decides anew',
  async ({ index }, { world }) => {
    const plane = planes[index];
    if (plane === undefined) throw new Error('no control plane');
    const { env, namespace, player, words, end } = await upDetached(plane, world);
    const more = start(world, ['scale', 'mine', 'worker=2', '--json'], { env });
    await more.until(/worker: 1 → 2; waiting for the pods/);
    expect(await workersOf(plane, namespace)).toBe(2);
    await player.make('mine-worker-1');
    await player.podReady('mine-worker-1');
    await player.graph('True', 'all_resources_are_ready', 'All resources are ready');
    const grown = await more.ended;
    expect(grown.code, grown.stderr).toBe(0);
    expect(JSON.parse(grown.stdout)).toMatchObject({
      name: 'mine',
      changes: [{ component: 'worker', from: 1, to: 2 }],
    });

    const fewer = start(world, ['scale', 'mine', 'worker=1'], { env });
    await fewer.until(/worker: 2 → 1; waiting for the pods/);
    await player.graph('True', 'all_resources_are_ready', 'All resources are ready');
    // The operator says that it is ready before the pod is gone.
    expect((await podsIn(plane, namespace)).map(({ metadata }) => metadata.name)).toContain('mine-worker-1');
    await plane.api('DELETE', `/api/v1/namespaces/${namespace}/pods/mine-worker-1`);
    const shrunk = await fewer.ended;
    expect(shrunk.code, shrunk.stderr).toBe(0);
    expect(shrunk.stdout).toMatch(/^worker: 2 → 1; took /);
    expect((await succeed(world, ['scale', 'mine', 'worker=1'], { env })).stdout).toBe('nothing to change\n');

    // What cannot be done says why.
    const wrong = await dynamo(world, ['scale', 'mine', 'wroker=2'], { env });
    expect(wrong.code).toBe(64);
    expect(wrong.stderr).toContain('did you mean worker?');
    const none = await dynamo(world, ['scale', 'mine', 'worker=0'], { env });
    expect(none.code).toBe(64);
    expect(none.stderr).toContain('at least one pod of a component stays');

    // A change whose pods do not come stays, and says how to take it back.
    const late = await dynamo(world, ['scale', 'mine', 'worker=2', '--timeout', '0.1'], { env });
    expect(late.code).toBe(69);
    expect(late.stderr).toContain('to take it back: dynamo scale mine worker=1');
    expect(await workersOf(plane, namespace)).toBe(2);

    // No conflict about who owns the replicas.
    const again = start(world, [...words, '--replicas', 'worker=3'], { env });
    await again.until(/mine existed and is changed/);
    process.kill(again.pid, 'SIGINT');
    expect((await again.ended).code).toBe(130);
    expect(await workersOf(plane, namespace)).toBe(3);
    await end();
  },
);

/** In the shape that the operator's source has (1.5). The fixtures lack this CRD. */
async function installAdapters(plane: ControlPlane): Promise<void> {
  const whole = { type: 'integer' };
  const about = {
    type: 'object',
    properties: { name: { type: 'string' }, componentName: { type: 'string' } },
  };
  const spec = { type: 'object', properties: { replicas: whole, dgdRef: about } };
  const status = { type: 'object', properties: { replicas: whole, selector: { type: 'string' } } };
  await plane.api('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: {
      name: 'dynamographdeploymentscalingadapters.nvidia.com',
      annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
    },
    spec: {
      group: 'nvidia.com',
      names: {
        kind: 'DynamoGraphDeploymentScalingAdapter',
        plural: 'dynamographdeploymentscalingadapters',
        singular: 'dynamographdeploymentscalingadapter',
        shortNames: ['dgdsa'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1beta1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec, status } } },
          subresources: {
            status: {},
            scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
          },
        },
      ],
    },
  });
  await until('the adapters', async () => {
    const kinds = await plane.api<{ resources: { name: string }[] }>('GET', '/apis/nvidia.com/v1beta1');
    return kinds?.resources.some(({ name }) => name === 'dynamographdeploymentscalingadapters') === true;
  });
}

test('a scaling adapter that owns the replicas is scaled instead', async ({ world }) => {
  const [plane] = planes;
  if (plane === undefined) throw new Error('no control plane');
  await installAdapters(plane);
  const { env, namespace, player, end } = await upDetached(plane, world);
  const components = (await plane.api<{ spec: Spec }>('GET', graphPath(plane, namespace)))?.spec.components;
  const place = components?.findIndex(({ name }) => name === 'worker');
  const patch = async (path: string, value: unknown): Promise<void> =>
    void (await plane.kubectl(
      ['-n', namespace, 'patch', 'dgd', 'mine', '--type=json', '-p'].concat(
        JSON.stringify([{ op: 'add', path: `/spec/components/${place}/${path}`, value }]),
      ),
    ));
  await patch('scalingAdapter', {});
  const missing = await dynamo(world, ['scale', 'mine', 'worker=2'], { env });
  expect(missing.code).toBe(69);
  expect(missing.stderr).toContain('the operator has not made it yet');

  const adapters = `/apis/nvidia.com/v1beta1/namespaces/${namespace}/dynamographdeploymentscalingadapters`;
  await plane.api('POST', adapters, {
    apiVersion: 'nvidia.com/v1beta1',
    kind: 'DynamoGraphDeploymentScalingAdapter',
    metadata: {
      name: 'mine-worker',
      labels: {
        'nvidia.com/dynamo-graph-deployment-name': 'mine',
        'nvidia.com/dynamo-component': 'worker',
      },
    },
    spec: { replicas: 1, dgdRef: { name: 'mine', componentName: 'worker' } },
  });
  const session = start(world, ['scale', 'mine', 'worker=2'], { env });
  await session.until(/worker: 1 → 2 by its scaling adapter mine-worker; waiting for the pods/);
  const adapter = await plane.api<{ spec: { replicas: number } }>('GET', `${adapters}/mine-worker`);
  expect(adapter?.spec.replicas).toBe(2);
  expect(await workersOf(plane, namespace)).toBe(1);
  // The operator carries it over.
  await patch('replicas', 2);
  await player.make('mine-worker-1');
  await player.podReady('mine-worker-1');
  await player.graph('True', 'all_resources_are_ready', 'All resources are ready');
  const ended = await session.ended;
  expect(ended.code, ended.stderr).toBe(0);
  await plane.api('DELETE', `${adapters}/mine-worker`);
  await end();
});
