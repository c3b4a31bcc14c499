/** Why a deployment cannot come up, where waiting does not help. The API server is real; the test plays operator and kubelet. */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { type Ended, start } from '../../e2e/harness/cli.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { inCluster, play, type Player, podLog, waits, whatIsThere, worker } from './cluster-world.ts';
import { type ControlPlane, startControlPlane } from './harness.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane('1.5-main-2026-08-21', 'v1beta1');
}, 120_000);
afterAll(async () => await plane?.stop());

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

describe('up ends and deletes what it made', () => {
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
    expect(ended.stderr).toMatch(
      /the pods need the secret hf-token, which does not exist in namespace ns-\d+/,
    );
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

  test('names that Grove finds too long', async ({ world }) => {
    // As of the operator, when Grove's webhook refuses a PodCliqueSet.
    const message =
      'admission webhook "pcs.validating.webhooks.grove.io" denied the request: combined resource name length 46 exceeds 45-character limit required for pod naming';
    const ended = await failing(
      world,
      [],
      async ({ player }) =>
        await player.graph('False', 'failed_to_reconcile_the_resources', message, 'failed'),
    );
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toContain('the name agg, together with those of its components, is too long');
    expect(ended.stderr).toContain('rule: names-too-long');
    expect(ended.stderr).toContain('fix: --name SHORTER');
  });

  test('a container that runs out of memory: its log says nothing', async ({ world }) => {
    const ended = await failing(world, [], async ({ player }) => {
      podLog(world, worker, 'loading\n', 'previous');
      const last = { terminated: { exitCode: 137, reason: 'OOMKilled' } };
      await waits(player, 'CrashLoopBackOff', 'back-off 20s restarting failed container', {
        restarts: 2,
        last,
      });
    });
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toContain('worker was ended because the container ran out of memory');
    expect(ended.stderr).toContain(`Pod ${worker}: exit code 137 (OOMKilled), restarts: 2`);
    expect(ended.stderr).toContain('rule: out-of-memory');
  });

  test('a secret without the key that a container needs', async ({ world }) => {
    const said = "couldn't find key HF_TOKEN in Secret ns-1/hf-token";
    const ended = await failing(
      world,
      [],
      async ({ player }) => await waits(player, 'CreateContainerConfigError', said),
    );
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stderr).toContain('the secret hf-token has no key HF_TOKEN');
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
