/** etcd and NATS in containers of a real Docker daemon: deployments that serve and leave nothing. */
import { expect } from 'vitest';
import { killSupervision } from '../../chaos/scene.ts';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
import { ps, up } from '../../e2e/harness/deployment.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { leftovers } from '../../oracle/leftovers.ts';
import { until } from '../../support/until.ts';
import { startDocker } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { daemonOfFile } from '../support/file-daemon.ts';
import { images } from '../support/infra-images.ts';

const docker = ['--infra', 'docker'];

const daemon = daemonOfFile(startDocker);

const upDetached = (profile: string) => ['up', profile, '--detach', '--engine', 'sim', ...docker];

test('a tree with etcd and NATS in containers serves, with labels, limits, logs and ports on loopback', async ({
  world,
}) => {
  const { notes, runId, processes } = await up(world, 'agg_router', docker, { env: daemon().env });
  expect(notes).toMatch(/^etcd +docker +a container of bitnamilegacy\/etcd:3\.6\.1, which is here/m);
  expect(notes).not.toContain('namespace');
  const client = processes.find(({ name }) => name === 'etcd')?.ports['client'];
  const info = (await daemon().ask('GET', `/containers/dynamo-${runId}-etcd/json`)) as {
    Config: { Labels: object };
    HostConfig: object;
  };
  expect(info.Config.Labels).toMatchObject({
    'dynamo.run': runId,
    'dynamo.process': 'etcd',
    'dynamo.folder': `${world.state}/dynamo/runs/${runId}`,
  });
  expect(info.HostConfig).toMatchObject({
    AutoRemove: false,
    Memory: 2 * 1024 ** 3,
    PortBindings: { [`${client}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: String(client) }] },
  });
  const [run] = await ps(world);
  expect(run?.processes.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready', 'ready', 'ready']);
  expect((await succeed(world, ['logs', 'nats'])).stdout).toContain('Server is ready');
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toMatch(/worker-2 stopped[\s\S]*etcd stopping[\s\S]*nothing is left/);
});

test('up and down ten times with agg_router and disagg_router, and each time nothing is left', async ({
  world,
}) => {
  for (let round = 0; round < 5; round++) {
    for (const profile of ['agg_router', 'disagg_router']) {
      await up(world, profile, docker, { env: daemon().env });
      await succeed(world, ['down', '--quiet']);
      expect(leftovers(world)).toEqual([]);
      expect(await daemon().everything()).toEqual([]);
    }
  }
}, 300_000);

test('data is removed with the run, and kept with --persist', async ({ world }) => {
  for (const round of [1, 2]) {
    const { infra } = await up(world, 'agg', [...docker, '--persist', 'mine'], { env: daemon().env });
    const url = infra?.['etcd']?.[0] ?? '';
    const key = Buffer.from('v1/kept').toString('base64');
    const ask = async (path: string, body: object): Promise<unknown> =>
      await (await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) })).json();
    expect(await ask('/v3/kv/range', { key })).toMatchObject(round === 1 ? {} : { count: '1' });
    await ask('/v3/kv/put', { key, value: key });
    await succeed(world, ['down']);
  }
});

test('a killed container is restarted with its data', async ({ world }) => {
  const { runId } = await up(world, 'agg_router', docker, { env: daemon().env });
  await daemon().ask('POST', `/containers/dynamo-${runId}-etcd/kill?signal=SIGKILL`);
  await eventually('etcd is up again', async () => {
    const [run] = await ps(world);
    const etcd = run?.processes.find(({ name }) => name === 'etcd');
    return etcd?.state === 'ready' && etcd.restarts === 1;
  });
  await succeed(world, ['down']);
});

test('the keeper removes the containers of a killed supervisor', async ({ world }) => {
  await up(world, 'agg_router', docker, { env: daemon().env });
  const [run] = await ps(world);
  process.kill(run?.supervisorPid ?? 0, 'SIGKILL');
  await eventually(
    'the keeper has removed everything',
    async () => (await daemon().everything()).length === 0,
  );
  await until('nothing is left', () => leftovers(world).length === 0);
});

test.for(['up', 'clean', 'down'])(
  'supervisor and keeper killed: %s removes the containers that ledger and label prove ours',
  async (verb, { world }) => {
    const { runId } = await up(world, 'agg_router', docker, { env: daemon().env });
    await killBoth(world);
    // One that only looks like ours.
    await daemon().ask('POST', '/containers/create?name=bystander', {
      Image: images.nats,
      Labels: { 'dynamo.run': runId, 'dynamo.process': 'nats' },
    });
    if (verb === 'up') {
      const { notes } = await up(world, 'agg', []);
      expect(notes).toContain(`run ${runId} lost its supervisor and left 3 processes and 2 containers`);
      await succeed(world, ['down', 'agg']);
    } else {
      if (verb === 'clean') {
        const { stdout } = await succeed(world, ['clean', '--dry-run'], { env: daemon().env });
        expect(stdout).toMatch(new RegExp(`remove +container +dynamo-${runId}-etcd \\(running\\)`));
        expect(stdout).toMatch(/container bystander \(created\) +has our label .*docker rm -f bystander/);
      }
      await succeed(world, [verb, ...(verb === 'down' ? ['agg_router'] : [])]);
    }
    expect(await daemon().everything()).toEqual(['container /bystander (created)']);
    await daemon().ask('DELETE', '/containers/bystander?force=1');
  },
);

test('a missing image that cannot be pulled exits with 69 and leaves nothing', async ({ world }) => {
  const { code, stderr } = await dynamo(
    world,
    [...upDetached('agg'), '--image', 'etcd=127.0.0.1:9/none/etcd:1'],
    { env: daemon().env },
  );
  expect(code).toBe(69);
  expect(stderr).toContain('127.0.0.1:9/none/etcd:1 is not on this host and cannot be pulled');
  expect(stderr).toContain('fix: docker pull 127.0.0.1:9/none/etcd:1');
  expect(await ps(world, '--all')).toEqual([]);
});

test.for([
  ['a daemon that is down', { DOCKER_HOST: 'unix:///tmp/nothing.sock' }, 'there is no such socket'],
  [
    'a remote one',
    { DOCKER_HOST: 'tcp://192.0.2.1:2375' },
    'the ports of its containers would not be on this host',
  ],
  [
    'one over ssh',
    { DOCKER_HOST: 'ssh://me@far.example' },
    'the ports of its containers would not be on this host',
  ],
  ['a context that is not there', { DOCKER_CONTEXT: 'lost' }, 'The Docker context lost does not exist'],
] as const)('%s exits with 69 and one fix, and starts nothing', async ([, env, words], { world }) => {
  const { code, stderr } = await dynamo(world, upDetached('agg'), { env });
  expect(code).toBe(69);
  expect(stderr).toContain(words);
  expect(stderr.match(/^fix: /gm)).toHaveLength(1);
  expect(await ps(world, '--all')).toEqual([]);
});

async function killBoth(world: World): Promise<void> {
  // Suspended first: it would start another keeper at once.
  await killSupervision(world);
}

test('dynamo infra up shares containers among runs, and infra down removes them', async ({ world }) => {
  await succeed(world, ['infra', 'up', ...docker, '--quiet'], { env: daemon().env });
  const { notes } = await up(world, 'agg_router', ['--discovery', 'etcd', '--events', 'nats']);
  expect(notes).toMatch(/^etcd +shared/m);
  expect(await daemon().everything()).toHaveLength(2);
  await succeed(world, ['down', 'agg_router']);
  await succeed(world, ['infra', 'down']);
  expect(await daemon().everything()).toEqual([]);
});
