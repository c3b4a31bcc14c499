/** What is said when a deployment does not come up: the API server is real, the test plays operator and kubelet. */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { dynamo, type Ended, start } from '../../e2e/harness/cli.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { containerStatus, inCluster, play, type Player, podLog, whatIsThere } from './cluster-world.ts';
import { type ControlPlane, startControlPlane } from './harness.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane('1.5-main-2026-08-21', 'v1beta1');
  await makeNode('node-1', 4);
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

interface Scene {
  readonly namespace: string;
  readonly player: Player;
  /** Of `up`, which ends by itself. */
  readonly ended: Promise<Ended>;
}

/** `happens` is done when the pods are there. Returns what `up` said, once it gave up and everything is deleted. */
async function failing(
  world: World,
  words: readonly string[],
  happens: (scene: Omit<Scene, 'ended'>) => Promise<void>,
  options: Parameters<typeof play>[3] = { onNode: false },
): Promise<Ended> {
  const env = inCluster(world, plane);
  const namespace = await plane.namespace();
  const session = start(world, ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace, ...words], {
    env,
  });
  const player = await play(plane, namespace, 'agg', options);
  await happens({ namespace, player });
  const ended = await session.ended;
  // It failed, so nothing of it stays.
  expect(await whatIsThere(plane, namespace)).toEqual([]);
  return ended;
}

const worker = 'agg-worker-0';

async function waits(
  player: Player,
  reason: string,
  message: string,
  more: Parameters<typeof containerStatus>[1] = {},
): Promise<void> {
  await player.pod(worker, {
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'True' }],
    containerStatuses: [containerStatus({ waiting: { reason, message } }, more)],
  });
}

describe('waiting cannot help: up ends and deletes what it made', () => {
  test('an image that the registry refuses, without and with a pull secret', async ({ world }) => {
    const image = 'nvcr.io/nvidia/ai-dynamo/sglang-runtime:1.6.1';
    const message = `Back-off pulling image "${image}": ErrImagePull: failed to pull: 401 Unauthorized`;
    const without = await failing(
      world,
      [],
      async ({ player }) => await waits(player, 'ImagePullBackOff', message, { image }),
    );
    expect(without.code, without.stderr).toBe(1);
    expect(without.stderr).toContain(`the registry refuses ${image}, and the pods have no image pull secret`);
    expect(without.stderr).toMatch(/fix: docker login nvcr\.io && kubectl/);
    const secret = { imagePullSecrets: [{ name: 'ngc' }] };
    const withSecret = await failing(
      world,
      [],
      async ({ player }) => await waits(player, 'ImagePullBackOff', message, { image }),
      { onNode: false, extra: secret },
    );
    expect(withSecret.stderr).toContain('although the pods have the image pull secret ngc');
  });

  test('an image that does not exist', async ({ world }) => {
    const image = 'nvcr.io/nvidia/ai-dynamo/sglang-runtime:9.9.9';
    const ended = await failing(
      world,
      ['--image', image],
      async ({ player }) =>
        await waits(player, 'ImagePullBackOff', `Back-off pulling image "${image}": not found`, { image }),
    );
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toContain(`the image ${image} does not exist`);
  });

  test('a secret that went away after the checks', async ({ world }) => {
    const ended = await failing(
      world,
      [],
      async ({ player }) => await waits(player, 'CreateContainerConfigError', 'secret "hf-token" not found'),
    );
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toMatch(/the pods need the secret hf-token, which does not exist in namespace ns-\d+/);
    expect(ended.stderr).toMatch(
      /fix: printf %s "\$HF_TOKEN" \| kubectl .*create secret generic hf-token --from-file=HF_TOKEN=\/dev\/stdin/,
    );
  });

  test('a worker that crashes: the rules of logs name the cause', async ({ world }) => {
    const ended = await failing(world, [], async ({ player }) => {
      podLog(
        world,
        worker,
        [
          'Traceback (most recent call last):',
          'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 39.50 GiB of which 1.00 GiB is free.',
          'RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.',
          '',
        ].join('\n'),
        'previous',
      );
      const last = { terminated: { exitCode: 1, reason: 'Error' } };
      const crashed = { restarts: 3, last };
      await waits(player, 'CrashLoopBackOff', 'back-off 40s restarting failed container', crashed);
    });
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toMatch(/memory/i);
    expect(ended.stderr).toContain(`Pod ${worker}: exit code 1 (Error), restarts: 3`);
    expect(ended.stderr).toMatch(/rule: gpu-memory/);
  });

  test('a worker that crashes for no cause that is known: its last lines and its log', async ({ world }) => {
    const ended = await failing(world, [], async ({ player }) => {
      podLog(world, worker, 'starting\nI give up\n', 'previous');
      await waits(player, 'CrashLoopBackOff', 'back-off', {
        restarts: 2,
        last: { terminated: { exitCode: 7, reason: 'Error' } },
      });
    });
    expect(ended.stderr).toContain('worker ends again and again');
    expect(ended.stderr).toContain('  I give up');
    expect(ended.stderr).toMatch(new RegExp(`fix: kubectl .*logs ${worker} -c main --previous`));
  });

  test('no Grove and no LeaderWorkerSet for several nodes, as the operator says it', async ({ world }) => {
    const ended = await failing(
      world,
      [],
      async ({ player }) =>
        await player.graph(
          'False',
          'no_multinode_orchestrator_available',
          'no multinode orchestrator available',
          'failed',
        ),
    );
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toContain('neither Grove nor LeaderWorkerSet');
  });

  test('deleted by somebody else while it comes up', async ({ world }) => {
    const ended = await failing(
      world,
      [],
      async ({ namespace }) => void (await plane.kubectl(['-n', namespace, 'delete', 'dgd', 'agg'])),
    );
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toContain('agg was deleted on the cluster while it was coming up');
  });
});

/** Until `up` says what holds it up. Returns what `wait` says when its time is over; Ctrl-C then deletes all. */
async function held(
  world: World,
  { words = [], namespace, cause }: { words?: readonly string[]; namespace: string; cause: RegExp },
  happens: (player: Player) => Promise<void>,
): Promise<Ended> {
  const env = inCluster(world, plane);
  const session = start(world, ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace, ...words], {
    env,
  });
  await happens(await play(plane, namespace, 'agg', { onNode: false }));
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

describe('waiting may help: the cause is a line beside the progress, and the reason when the time is over', () => {
  test('no node with so many GPUs', async ({ world }) => {
    const namespace = await plane.namespace();
    const words = ['--set', 'components.worker.gpus=8'];
    const cause = /a pod of worker wants 8 GPUs, and the largest node has 4/;
    const { stderr } = await held(
      world,
      { words, namespace, cause },
      async (player) => await unscheduled(player, '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.'),
    );
    expect(stderr).toContain('wanted: worker 1×8 GPU');
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

async function refused(world: World, words: readonly string[]): Promise<Ended & { namespace: string }> {
  const env = inCluster(world, plane);
  const namespace = await plane.namespace();
  const ended = await dynamo(world, ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace, ...words], {
    env,
  });
  expect(await whatIsThere(plane, namespace)).toEqual([]);
  return { ...ended, namespace };
}

describe('what is seen before anything is made', () => {
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
    expect(ended.stderr).toContain(
      `there is no PersistentVolumeClaim nowhere in namespace ${ended.namespace}`,
    );
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
});
