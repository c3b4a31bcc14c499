/** `ps` and `down` where clusters do not answer, or serve the old API only. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { dynamo, start, succeed } from '../../e2e/harness/cli.ts';
import { up as upHere } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { forwards, inCluster, play, whatIsThere } from './cluster-world.ts';
import { type ControlPlane, startControlPlane } from './harness.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane('1.1', 'v1alpha1');
}, 120_000);
afterAll(async () => await plane?.stop());

/** As `up` writes it down. */
function remember(world: World, context: string, kubeconfig: string): void {
  const folder = join(world.state, 'dynamo', 'kubernetes');
  mkdirSync(folder, { recursive: true });
  const served = {
    profile: 'agg',
    model: 'm',
    modelPath: 'm',
    proof: { request: 'chat', maxTokens: 16 },
    provesReuse: false,
    modes: {},
    service: 'far-frontend',
  };
  const run = {
    format: 1,
    runId: 'far-abcd',
    name: 'far',
    graph: 'far',
    uid: 'u',
    namespace: 'default',
    context,
    kubeconfig,
    apiVersion: 'v1beta1',
    startedAt: Date.now(),
    detached: true,
    served,
  };
  writeFileSync(join(folder, 'far-abcd.json'), JSON.stringify(run));
}

test('a cluster that does not answer is one row after 2 s, and hides no run of this machine', async ({
  world,
}) => {
  const env = inCluster(world, plane);
  await upHere(world, 'agg');
  remember(world, 'gone', plane.kubeconfig);
  const { stdout, tookMs } = await succeed(world, ['ps'], { env });
  expect(stdout).toMatch(/agg +agg on sim +ready/);
  expect(stdout).toMatch(/far +agg on kubernetes +not answering/);
  expect(stdout).toMatch(
    /far cannot be seen: the cluster does not answer \(context gone\): kubectl --context gone --namespace default get --raw \/readyz/,
  );
  expect(tookMs).toBeLessThan(8_000);
  // The name alone means the run of this machine as long as that is up.
  const down = await succeed(world, ['down', 'agg'], { env });
  expect(down.stderr).toContain('is down: nothing is left');
  const failed = await dynamo(world, ['down', 'far'], { env });
  expect(failed.code, failed.stderr).toBe(69);
  expect(failed.stderr).toContain('far was not deleted: the cluster does not answer (context gone)');
}, 120_000);

test('Dynamo 1.1: v1alpha1, as discovery says', async ({ world }) => {
  const env = inCluster(world, plane);
  const namespace = await plane.namespace();
  const behind = await upHere(world, 'agg', ['--name', 'behind']);
  forwards(world, { 'svc/agg-frontend': Number(new URL(behind.url).port) });
  const image = ['--image', 'nvcr.io/nvidia/ai-dynamo/sglang-runtime:1.1.1'];
  const newer = ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace, '--api-version', 'v1beta1'];
  const refused = await dynamo(world, newer, { env });
  expect(refused.code, refused.stderr).toBe(64);
  expect(refused.stderr).toContain('--api-version v1beta1: the cluster serves only v1alpha1.');
  const session = start(
    world,
    ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace, '--detach', ...image],
    { env },
  );
  const player = await play(plane, namespace, 'agg', { onNode: false });
  await player.allReady();
  const ended = await session.ended;
  expect(ended.code, ended.stderr).toBe(0);
  expect(ended.stderr).toContain('agg is applied (nvidia.com/v1alpha1,');
  const { spec } = await plane.json<{ spec: { services: Record<string, unknown> } }>([
    '-n',
    namespace,
    'get',
    'dgd',
    'agg',
  ]);
  expect(Object.keys(spec.services)).toEqual(['frontend', 'worker']);
  await succeed(world, ['down', 'agg'], { env });
  expect(await whatIsThere(plane, namespace)).toEqual([]);
  await succeed(world, ['down', 'behind']);
}, 120_000);

test('the doctor says what a cluster lacks', async ({ world }) => {
  const env = inCluster(world, plane);
  const doctor = await succeed(world, ['doctor', '--on', 'kubernetes', '--verbose'], { env });
  expect(doctor.stdout).toMatch(/K2 +cluster +Kubernetes v1\.36\.3, context test/);
  expect(doctor.stdout).toMatch(/K3 +dynamo-platform +nvidia\.com\/v1alpha1/);
  const gone = await dynamo(world, ['doctor', '--on', 'kubernetes', '--context', 'guest'], { env });
  expect(gone.code).toBe(1);
  expect(gone.stdout).toMatch(/FAIL {2}K5 rights/);
  const json = await succeed(world, ['doctor', 'disagg', '--on', 'kubernetes', '--json'], { env });
  expect(JSON.parse(json.stdout)).toMatchObject({
    version: 1,
    ok: true,
    profile: 'disagg',
    on: { kubernetes: { context: 'test' } },
  });
});
