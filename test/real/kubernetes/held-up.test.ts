/** What holds a deployment up, where waiting may help. The API server is real; the test plays operator and kubelet. */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { dynamo, type Ended, start, succeed } from '../../e2e/harness/cli.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { manifestOf } from '../../support/manifests.ts';
import { shipped } from '../../support/shipped-profiles.ts';
import { until } from '../../support/until.ts';
import { inCluster, play, type Player, waits, whatIsThere, worker } from './cluster-world.ts';
import { type ControlPlane, startControlPlane } from './harness.ts';

let plane: ControlPlane;
/** Namespace of a deployment that no operator sees. */
let unwatched: string;
beforeAll(async () => {
  plane = await startControlPlane('1.5-main-2026-08-21', 'v1beta1');
  await makeNode('node-1', 4);
  // It gets old while the other tests run.
  unwatched = await plane.namespace();
  const { manifest } = manifestOf(await shipped('agg'), { name: 'silent', namespace: unwatched });
  await plane.kubectl(['apply', '--server-side', '--field-manager=dynamo', '-f', '-'], manifest);
}, 120_000);
afterAll(async () => await plane?.stop());

async function makeNode(name: string, gpus: number): Promise<void> {
  await plane.kubectl(['create', '-f', '-'], { apiVersion: 'v1', kind: 'Node', metadata: { name } });
  const status = {
    allocatable: { 'nvidia.com/gpu': String(gpus) },
    capacity: { 'nvidia.com/gpu': String(gpus) },
  };
  await plane.kubectl([
    'patch',
    'node',
    name,
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status }),
  ]);
}

/** Until `up` says what holds it up. Returns what `wait` says when its time is over; Ctrl-C then deletes all. */
async function held(
  world: World,
  {
    words = [],
    namespace,
    cause,
    pods = {},
  }: {
    words?: readonly string[];
    namespace: string;
    cause: RegExp;
    /** More of their spec. */
    pods?: Record<string, unknown>;
  },
  happens: (player: Player) => Promise<void>,
): Promise<Ended> {
  const env = inCluster(world, plane);
  const session = start(world, ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace, ...words], {
    env,
  });
  await happens(await play(plane, namespace, 'agg', { onNode: false, extra: pods }));
  await session.until(new RegExp(`held up: ${cause.source}`));
  const waited = await dynamo(world, ['wait', 'agg', '--timeout', '0.1'], { env });
  process.kill(session.pid, 'SIGINT');
  expect((await session.ended).code).toBe(130);
  expect(await whatIsThere(plane, namespace)).toEqual([]);
  expect(waited.code, waited.stderr).toBe(69);
  expect(waited.stderr).toMatch(new RegExp(`agg was not ready within 100 ms: ${cause.source}`));
  return waited;
}
async function unscheduled(player: Player, message: string): Promise<void> {
  await player.pod(worker, {
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }],
  });
}

describe('the cause is a line beside the progress, and the reason when the time is over', () => {
  test('no node with so many GPUs', async ({ world }) => {
    const namespace = await plane.namespace();
    const words = ['--set', 'components.worker.gpus=8'];
    const cause = /a pod of worker needs 8 GPUs, and the largest node has 4/;
    const { stderr } = await held(
      world,
      { words, namespace, cause },
      async (player) => await unscheduled(player, '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.'),
    );
    expect(stderr).toContain('needed: worker 1×8 GPU');
    expect(stderr).toContain('allocatable GPUs: node-1 4');
    expect(stderr).toContain('fix: --set components.worker.gpus=4');
  });

  test('a claim that is not bound', async ({ world }) => {
    const namespace = await plane.namespace();
    await plane.kubectl(['-n', namespace, 'create', '-f', '-'], claim('models', 'ReadWriteMany'));
    const cause = /the PersistentVolumeClaim models is not bound to a volume/;
    const words = ['--model-cache', 'models'];
    const { stderr } = await held(
      world,
      { words, namespace, cause },
      async (player) =>
        await unscheduled(
          player,
          '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
        ),
    );
    expect(stderr).toContain('PersistentVolumeClaim models: Pending');
    expect(stderr).toMatch(/fix: kubectl .*describe pvc models/);
  });

  test('a claim that only one node can mount', async ({ world }) => {
    const namespace = await plane.namespace();
    await plane.kubectl(['-n', namespace, 'create', '-f', '-'], claim('models', 'ReadWriteOnce'));
    await plane.kubectl([
      '-n',
      namespace,
      'patch',
      'pvc',
      'models',
      '--subresource=status',
      '--type=merge',
      '-p',
      '{"status":{"phase":"Bound"}}',
    ]);
    const cause = /the PersistentVolumeClaim models is ReadWriteOnce: only one node at a time can mount it/;
    await held(world, { words: ['--model-cache', 'models'], namespace, cause }, async (player) => {
      const said = 'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) agg-frontend-0';
      await player.event({ kind: 'Pod', name: worker }, 'FailedAttachVolume', said);
      await waits(player, 'ContainerCreating', '');
    });
  });

  test('a scheduling gate that stays', async ({ world }) => {
    const namespace = await plane.namespace();
    const gate = 'grove.io/podgang-pending-creation';
    const cause = /pods of agg are held back by the scheduling gate grove\.io\/podgang-pending-creation/;
    const { stderr } = await held(
      world,
      { namespace, cause, pods: { schedulingGates: [{ name: gate }] } },
      async (player) => {
        // The reason and the words are those of the API server.
        const pod = await plane.json<{ status: { conditions: Record<string, unknown>[] } }>([
          '-n',
          namespace,
          'get',
          'pod',
          worker,
        ]);
        const since = new Date(Date.now() - 120_000).toISOString();
        await player.pod(worker, {
          conditions: pod.status.conditions.map((each) => ({ ...each, lastTransitionTime: since })),
        });
      },
    );
    expect(stderr).toMatch(/Pod agg-worker-0: SchedulingGated: Scheduling is blocked/);
    expect(stderr).toMatch(/fix: kubectl .*get podgangs\.scheduler\.grove\.io/);
  });

  test('a pod that its node evicted', async ({ world }) => {
    const namespace = await plane.namespace();
    const cause = /pod agg-worker-0 was ended by its node: Evicted/;
    const message = 'The node was low on resource: ephemeral-storage.';
    const { stderr } = await held(
      world,
      { namespace, cause },
      async (player) => await player.pod(worker, { phase: 'Failed', reason: 'Evicted', message }),
    );
    expect(stderr).toContain(`Pod ${worker}: Evicted: ${message}`);
    expect(stderr).toMatch(/fix: kubectl .*describe pod agg-worker-0/);
  });

  test('a quota that allows no pods', async ({ world }) => {
    const namespace = await plane.namespace();
    const cause = /the quota gpus of namespace ns-\d+ does not allow its pods/;
    const { stderr } = await held(
      world,
      { namespace, cause },
      async (player) =>
        await player.event(
          { kind: 'ReplicaSet', name: 'agg-worker-5d9' },
          'FailedCreate',
          'pods "agg-worker-5d9-x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: 4, limited: 4',
        ),
    );
    expect(stderr).toMatch(/fix: kubectl .*describe resourcequota gpus/);
  });
});

function claim(name: string, mode: string): unknown {
  const spec = { accessModes: [mode], resources: { requests: { storage: '1Gi' } }, storageClassName: '' };
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name }, spec };
}

describe('an operator that does nothing', () => {
  test('is named half a minute after the manifest was applied', async ({ world }) => {
    const env = inCluster(world, plane);
    const place = ['--on', 'kubernetes', '--namespace', unwatched];
    const said = await until(
      'half a minute is over',
      async () => {
        const waited = await dynamo(world, ['wait', 'silent', ...place, '--timeout', '0.1'], { env });
        return waited.stderr.includes('operator has not reacted') ? waited : undefined;
      },
      60_000,
    );
    expect(said.code, said.stderr).toBe(69);
    expect(said.stderr).toContain(
      `silent was not ready within 100 ms: Dynamo's operator has not reacted to it: it is not running, or does not watch namespace ${unwatched}.`,
    );
    expect(said.stderr).toMatch(
      /DynamoGraphDeployment silent: no condition and no pod \d+ s after it was applied/,
    );
    expect(said.stderr).toContain(
      'fix: kubectl --context test get deployments --all-namespaces -l app.kubernetes.io/name=dynamo-operator',
    );
    // A change that it does not react to counts from its own time.
    const patch = { spec: { labels: { changed: 'yes' } } };
    const conditions = [{ type: 'Ready', status: 'True', reason: 'r', message: '', observedGeneration: 1 }];
    const when = { lastTransitionTime: new Date().toISOString() };
    const status = { state: 'successful', conditions: conditions.map((each) => ({ ...each, ...when })) };
    const words = ['-n', unwatched, 'patch', 'dgd', 'silent', '--type=merge', '-p'];
    await plane.kubectl([...words, JSON.stringify({ status }), '--subresource=status']);
    await plane.kubectl([...words, JSON.stringify(patch)]);
    const young = await dynamo(world, ['wait', 'silent', ...place, '--timeout', '0.1'], { env });
    expect(young.code, young.stderr).toBe(69);
    expect(young.stderr).not.toContain('operator');
    await succeed(world, ['down', 'silent', ...place], { env });
    expect(await whatIsThere(plane, unwatched)).toEqual([]);
  });
});
