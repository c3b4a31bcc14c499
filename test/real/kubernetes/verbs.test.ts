/** Verbs on a cluster: `smoke` and `exec` make a deployment; `restart`, `attach` and `down` work on one that is there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { dynamo, start, succeed } from '../../e2e/harness/cli.ts';
import { up as upHere } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import { forwards, inCluster, play, podLog, podsIn, upDetached, whatIsThere } from './cluster-world.ts';
import { type ControlPlane, startControlPlane } from './harness.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane('1.5-main-2026-08-21', 'v1beta1');
}, 120_000);
afterAll(async () => await plane?.stop());

/** A command whose deployment is called `mine`, with a real one of the engine sim behind its port-forward. */
async function run(world: World, words: readonly string[], rest: readonly string[] = []) {
  const env = inCluster(world, plane);
  const namespace = await plane.namespace();
  const { url } = await upHere(world, 'agg', ['--name', 'behind']);
  forwards(world, { 'svc/mine-frontend': Number(new URL(url).port) });
  const place = ['--on', 'kubernetes', '--namespace', namespace, '--name', 'mine'];
  const session = start(world, [...words, ...place, ...rest], { env });
  const player = await play(plane, namespace, 'mine', { onNode: false });
  await player.allReady();
  const ended = await session.ended;
  expect(await whatIsThere(plane, namespace)).toEqual([]);
  await succeed(world, ['down', 'behind']);
  return ended;
}

test('smoke: every request that fits, as JUnit too', async ({ world }) => {
  const ended = await run(world, ['smoke', 'agg'], ['--junit', 'out.xml', '--json']);
  expect(ended.code, ended.stderr).toBe(0);
  const { passed, suites } = JSON.parse(ended.stdout) as {
    passed: boolean;
    suites: { name: string; cases: { name: string; state: string }[] }[];
  };
  expect(passed).toBe(true);
  expect(suites.map(({ name }) => name)).toEqual(['agg']);
  const states = new Map(suites[0]?.cases.map(({ name, state }) => [name, state]));
  expect(states.get('up')).toBe('passed');
  expect(states.get('chat')).toBe('passed');
  expect(states.get('down')).toBe('passed');
  expect(readFileSync(join(world.work, 'out.xml'), 'utf8')).toContain('<testsuite name="agg"');
});

test('exec: the command reaches it, and its exit code is that of dynamo', async ({ world }) => {
  const script = 'curl --silent --fail $OPENAI_BASE_URL/models && echo " model $OPENAI_MODEL" && exit 7';
  const ended = await run(world, ['exec', 'agg'], ['--', 'sh', '-c', script]);
  expect(ended.code, ended.stderr).toBe(7);
  expect(ended.stdout).toMatch(/"id":"Qwen\/Qwen3-0\.6B".* model Qwen\/Qwen3-0\.6B/s);
  expect(ended.stderr).toContain('dynamo: mine is up on Kubernetes, reached at http://127.0.0.1:');
});

async function uidsIn(namespace: string): Promise<ReadonlyMap<string, string>> {
  return new Map((await podsIn(plane, namespace)).map(({ metadata: { name, uid } }) => [name, uid]));
}

test('restart: pod after pod, each once its successor is ready; attach shows it, and leaves it', async ({
  world,
}) => {
  const { env, namespace, player, end } = await upDetached(plane, world, ['--replicas', 'worker=2']);
  const before = await uidsIn(namespace);
  podLog(world, 'mine-worker-0', 'a line of the worker\n');
  const attached = start(world, ['attach', 'mine'], { env });
  await attached.until(/worker\/0 \| a line of the worker/);
  const session = start(world, ['restart', 'mine/worker'], { env });
  for (const pod of ['mine-worker-0', 'mine-worker-1']) {
    await session.until(new RegExp(`deleted ${pod}; waiting for the replacement`));
    expect((await uidsIn(namespace)).has(pod)).toBe(false);
    await player.make(pod);
    await attached.until(new RegExp(`worker {2}${pod} {2}waits for a node`));
    // The other one goes on serving.
    expect((await uidsIn(namespace)).size).toBe(3);
    await player.podReady(pod);
  }
  const ended = await session.ended;
  expect(ended.code, ended.stderr).toBe(0);
  expect(ended.stderr).toContain('worker is ready again (pods replaced: 2)');
  const after = await uidsIn(namespace);
  expect(after.get('mine-frontend-0')).toBe(before.get('mine-frontend-0'));
  expect(after.get('mine-worker-0')).not.toBe(before.get('mine-worker-0'));
  process.kill(attached.pid, 'SIGINT');
  const left = await attached.ended;
  expect(left.code, left.stderr).toBe(0);
  expect(left.stderr).toContain('mine stays on the cluster. Delete it with: dynamo down mine');

  // The names of ps work, too; what cannot be done says why.
  const single = start(world, ['restart', 'mine/worker-1'], { env });
  await single.until(/deleted mine-worker-1/);
  process.kill(single.pid, 'SIGINT');
  const stopped = await single.ended;
  expect(stopped.code).toBe(130);
  expect(stopped.stderr).toContain('mine continues on the cluster: dynamo wait mine');
  const wrong = await dynamo(world, ['restart', 'wroker', '--run', 'mine'], { env });
  expect(wrong.code).toBe(64);
  expect(wrong.stderr).toContain('did you mean worker?');
  const stop = await dynamo(world, ['stop', 'mine/worker'], { env });
  expect(stop.code).toBe(64);
  expect(stop.stderr).toContain("Dynamo's operator replaces every pod that ends");
  expect(stop.stderr).toContain('fix: dynamo down mine');
  // What deletes a deployment at its end takes none that is there.
  const exec = [
    'exec',
    'agg',
    '--on',
    'kubernetes',
    '--namespace',
    namespace,
    '--name',
    'mine',
    '--',
    'sleep',
    '0',
  ];
  const taken = await dynamo(world, exec, { env });
  expect(taken.code, taken.stderr).toBe(75);
  expect(taken.stderr).toContain('and this command would delete it');
  const begin = await dynamo(world, ['start', 'mine/worker'], { env });
  expect(begin.code).toBe(64);
  expect(begin.stderr).toContain('fix: dynamo restart mine/worker');
  await end();
});

/** As far as discovery goes, Grove is there. */
async function installGrove(): Promise<void> {
  const names = { kind: 'PodCliqueSet', plural: 'podcliquesets', singular: 'podcliqueset' };
  const schema = { openAPIV3Schema: { type: 'object' } };
  await plane.api('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: 'podcliquesets.grove.io' },
    spec: {
      group: 'grove.io',
      names,
      scope: 'Namespaced',
      versions: [{ name: 'v1alpha1', served: true, storage: true, schema }],
    },
  });
  await until('the API group grove.io', async () => await plane.api('GET', '/apis/grove.io'));
}

test('a component on several nodes needs Grove, and restarts as a whole', async ({ world }) => {
  await installGrove();
  const words = ['--set', 'components.worker.nodes=2', '--set', 'components.worker.gpus=2'];
  const { env, namespace, player, end } = await upDetached(plane, world, words);
  const session = start(world, ['restart', 'mine/worker-1'], { env });
  await session.until(/deleted mine-worker-0, mine-worker-1; waiting for the replacement/);
  expect([...(await uidsIn(namespace)).keys()]).toEqual(['mine-frontend-0']);
  for (const pod of ['mine-worker-0', 'mine-worker-1']) {
    await player.make(pod);
    await player.podReady(pod);
  }
  expect((await session.ended).code).toBe(0);
  await end();
});

test('down: says what is still there, and that the operator has to take its finalizer away', async ({
  world,
}) => {
  const { env, namespace, end } = await upDetached(plane, world);
  const path = `/apis/nvidia.com/v1beta1/namespaces/${namespace}/dynamographdeployments/mine`;
  await plane.api('PATCH', path, { metadata: { finalizers: ['nvidia.com/finalizer'] } });
  const session = start(world, ['down', 'mine'], { env });
  await session.until(/mine: still there: DynamoGraphDeployment mine \(finalizers: nvidia\.com\/finalizer\)/);
  process.kill(session.pid, 'SIGINT');
  const left = await session.ended;
  expect(left.code).toBe(1);
  expect(left.stderr).toContain('Stopped waiting after SIGINT; the cluster continues to delete it.');
  const ps = await succeed(world, ['ps'], { env });
  expect(ps.stdout).toMatch(/mine +agg on kubernetes +stopping/);
  await plane.api('PATCH', path, { metadata: { finalizers: [] } });
  await until('it is gone', async () => (await plane.api('GET', path)) === undefined);
  await end();
});
