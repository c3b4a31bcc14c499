/** `up --on kubernetes` and the verbs about what it made, against a real API server; the test plays operator and kubelet. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { dynamo, start, succeed } from '../../e2e/harness/cli.ts';
import { type Running, up as upHere } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import { forwards, inCluster, play, playKubelet, podLog, whatIsThere } from './cluster-world.ts';
import { type ControlPlane, startControlPlane } from './harness.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane('1.5-main-2026-08-21', 'v1beta1');
}, 120_000);
afterAll(async () => await plane?.stop());

/** What answers behind the port-forwards: a real deployment of the engine sim, of this world. */
async function backing(world: World, profile: string): Promise<Running> {
  return await upHere(world, profile, ['--name', 'behind']);
}

function forwardTo(world: World, graph: string, { url, processes }: Running): void {
  const workers = processes.flatMap(({ name, ports }) =>
    ports['system'] === undefined ? [] : [[`pod/${graph}-${name}-0`, ports['system']] as const],
  );
  forwards(world, { [`svc/${graph}-frontend`]: Number(new URL(url).port), ...Object.fromEntries(workers) });
}

describe('up --on kubernetes', () => {
  test('in the foreground: applies, follows, proves, shows logs; Ctrl-C deletes and waits until all is gone', async ({
    world,
  }) => {
    const env = inCluster(world, plane);
    const namespace = await plane.namespace();
    const behind = await backing(world, 'disagg');
    forwardTo(world, 'disagg', behind);
    const session = start(world, ['up', 'disagg', '--on', 'kubernetes', '--namespace', namespace], { env });
    const player = await play(plane, namespace, 'disagg');
    await session.until(/frontend 0\/1, prefill 0\/1, decode 0\/1 ready/);
    await player.event(
      { kind: 'Pod', name: 'disagg-decode-0' },
      'Pulling',
      'Pulling image "nvcr.io/x:1"',
      'Normal',
    );
    await session.until(/decode {2}disagg-decode-0 {2}pulling the image: nvcr\.io\/x:1/);
    await player.podReady('disagg-decode-0');
    await session.until(/decode {2}disagg-decode-0 {2}ready/);
    podLog(world, 'disagg-decode-0', 'a line of decode\n');
    await player.allReady();
    await session.until(/disagg is ready after/);
    await session.until(/a line of decode/);
    expect(session.stdout()).toMatch(
      /Proof +POST \/v1\/chat\/completions answered in .*, through prefill and decode/,
    );
    const url = /URL +(http:\/\/127\.0\.0\.1:\d+)/.exec(session.stdout())?.[1];
    const models = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(models.data[0]?.id).toBe(behind.model);

    process.kill(session.pid, 'SIGINT');
    await session.until(/deleting it/);
    // The kubelet has not ended the pods yet: it is not said to be gone.
    await until(
      'pods are being deleted',
      async () =>
        (await plane.kubectl([
          '-n',
          namespace,
          'get',
          'pods',
          '-o',
          'jsonpath={.items[*].metadata.deletionTimestamp}',
        ])) !== '',
      // The garbage collector looks for new kinds every 30 s.
      60_000,
    );
    expect(session.stderr()).not.toContain('nothing is left');
    const stopKubelet = playKubelet(plane, namespace);
    const ended = await session.ended;
    await stopKubelet();
    expect(ended.code, ended.stderr).toBe(130);
    expect(ended.stderr).toContain('disagg is down: nothing is left on the cluster');
    expect(await whatIsThere(plane, namespace)).toEqual([]);
    await succeed(world, ['down', 'behind']);
  });

  test('detached: ps, wait, logs, events, chat, open and down find it by its name', async ({ world }) => {
    const env = inCluster(world, plane);
    const namespace = await plane.namespace();
    const behind = await backing(world, 'agg');
    forwardTo(world, 'agg', behind);
    const args = ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace, '--detach', '--json'];
    const session = start(world, args, { env });
    const player = await play(plane, namespace, 'agg');
    await player.allReady();
    const result = await session.ended;
    expect(result.code, result.stderr).toBe(0);
    expect(JSON.parse(result.stdout)).toMatchObject({
      name: 'agg',
      on: {
        kubernetes: {
          context: 'test',
          namespace,
          graph: 'agg',
          apiVersion: 'v1beta1',
          service: 'agg-frontend',
        },
      },
      model: behind.model,
    });

    const { stdout: table } = await succeed(world, ['ps'], { env });
    expect(table).toMatch(/behind +agg on sim/);
    expect(table).toMatch(/agg +agg on kubernetes +ready/);
    expect(table).toMatch(/frontend-0 +ready/);
    const { runs } = JSON.parse((await succeed(world, ['ps', '--json'], { env })).stdout) as {
      runs: { name: string; on?: unknown }[];
    };
    expect(runs.find(({ name }) => name === 'agg')?.on).toEqual({
      kubernetes: { context: 'test', namespace, graph: 'agg' },
    });

    await succeed(world, ['wait', 'agg', '--timeout', '20'], { env });
    for (const pod of player.pods) podLog(world, pod, `words of ${pod}\n`);
    const all = await succeed(world, ['logs', '--run', 'agg'], { env });
    expect(all.stdout).toContain('frontend | words of agg-frontend-0');
    const one = await succeed(world, ['logs', 'worker', '--run', 'agg'], { env });
    expect(one.stdout).toBe('words of agg-worker-0\n');
    const events = start(world, ['events', 'agg'], { env });
    await player.event({ kind: 'Pod', name: 'agg-worker-0' }, 'Unhealthy', 'it coughed');
    await events.until(/Warning {2}Pod agg-worker-0: Unhealthy: it coughed/);
    process.kill(events.pid, 'SIGINT');
    expect((await events.ended).code).toBe(130);

    const chat = execFileSync('sh', ['-c', `echo Hello | node ${process.cwd()}/bin/dynamo.js chat agg`], {
      env: { ...world.env, ...env },
      cwd: world.work,
      encoding: 'utf8',
    });
    expect(chat.trim()).not.toBe('');
    const open = start(world, ['open', 'agg'], { env });
    await open.until(/http:\/\/127\.0\.0\.1:\d+/);
    expect((await fetch(`${open.stdout().trim()}/v1/models`)).status).toBe(200);
    process.kill(open.pid, 'SIGINT');
    await open.ended;
    const inside = await succeed(world, ['open', 'agg', '--print'], { env });
    expect(inside.stdout).toBe(`http://agg-frontend.${namespace}:8000\n`);

    const stopKubelet = playKubelet(plane, namespace);
    const down = await succeed(world, ['down', 'agg'], { env });
    await stopKubelet();
    expect(down.stderr).toContain('agg is down: nothing is left on the cluster');
    expect(await whatIsThere(plane, namespace)).toEqual([]);
    expect((await dynamo(world, ['down', 'agg'], { env })).code).toBe(66);
    await succeed(world, ['down', 'behind']);
  });

  test('kill -9 of a foreground up leaves no port-forward; another terminal finds and deletes it', async ({
    world,
  }) => {
    const env = inCluster(world, plane);
    const namespace = await plane.namespace();
    const behind = await backing(world, 'agg');
    forwardTo(world, 'agg', behind);
    const session = start(world, ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace], { env });
    const player = await play(plane, namespace, 'agg', { onNode: false });
    await player.allReady();
    await session.until(/agg is ready after/);
    const url = /URL +(http:\/\/127\.0\.0\.1:\d+)/.exec(session.stdout())?.[1] ?? '';
    process.kill(session.pid, 'SIGKILL');
    await session.ended;
    await until(
      'the port-forward is gone',
      async () =>
        await fetch(url).then(
          () => false,
          () => true,
        ),
    );
    await succeed(world, ['down', 'agg'], { env });
    expect(await whatIsThere(plane, namespace)).toEqual([]);
    await succeed(world, ['down', 'behind']);
  });
});

/** By its label it looks like ours. */
function foreign(name: string, namespace: string): unknown {
  return {
    apiVersion: 'nvidia.com/v1beta1',
    kind: 'DynamoGraphDeployment',
    metadata: { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'dynamo' } },
    spec: {
      components: [
        {
          name: 'frontend',
          type: 'frontend',
          podTemplate: { spec: { containers: [{ name: 'main', image: 'x:1.0.0' }] } },
        },
      ],
    },
  };
}

describe('what is not ours', () => {
  test('is neither changed by up nor deleted by down, even with our label', async ({ world }) => {
    const env = inCluster(world, plane);
    const namespace = await plane.namespace();
    await plane.kubectl(['create', '-f', '-'], foreign('agg', namespace));
    const before = await plane.kubectl([
      '-n',
      namespace,
      'get',
      'dgd',
      'agg',
      '-o',
      'jsonpath={.metadata.resourceVersion}',
    ]);
    const up = await dynamo(world, ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace], { env });
    expect(up.code).toBe(77);
    expect(up.stderr).toContain('was not made by dynamo, so it is left unchanged');
    expect(up.stderr).toContain('written by: kubectl-create');
    const down = await dynamo(world, ['down', 'agg', '--on', 'kubernetes', '--namespace', namespace], {
      env,
    });
    expect(down.code).toBe(77);
    expect(
      await plane.kubectl([
        '-n',
        namespace,
        'get',
        'dgd',
        'agg',
        '-o',
        'jsonpath={.metadata.resourceVersion}',
      ]),
    ).toBe(before);
  });

  test('down leaves alone one that was made anew under the name of ours', async ({ world }) => {
    const env = inCluster(world, plane);
    const namespace = await plane.namespace();
    const behind = await backing(world, 'agg');
    forwardTo(world, 'agg', behind);
    const session = start(world, ['up', 'agg', '--on', 'kubernetes', '--namespace', namespace, '--detach'], {
      env,
    });
    const player = await play(plane, namespace, 'agg', { onNode: false });
    await player.allReady();
    expect((await session.ended).code).toBe(0);
    await plane.kubectl(['-n', namespace, 'delete', 'dgd', 'agg']);
    await plane.kubectl(['create', '-f', '-'], foreign('agg', namespace));
    const ps = await succeed(world, ['ps'], { env });
    expect(ps.stdout).toMatch(/agg +agg on kubernetes +gone/);
    const down = await succeed(world, ['down', 'agg'], { env });
    expect(down.stderr).toContain('was already gone from the cluster');
    expect(await whatIsThere(plane, namespace)).toEqual(['agg']);
    await succeed(world, ['down', 'behind']);
  });
});
