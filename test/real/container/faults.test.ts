/** A Docker daemon that refuses, dies or conflicts: errors, and nothing left. */
import { chmodSync, chownSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { ContainerEntry } from '../../../src/base/identity.ts';
import type { ContainerProcess } from '../../../src/container/create-options.ts';
import { createContainerLauncher } from '../../../src/container/launch.ts';
import { dynamo, executable, start, startCommand, succeed } from '../../e2e/harness/cli.ts';
import { ps, textBelow, up } from '../../e2e/harness/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { test } from '../../e2e/harness/world.ts';
import { leftovers } from '../../oracle/leftovers.ts';
import { specOf } from '../../support/tree.ts';
import { startDocker } from '../support/docker.ts';
import { fileSystem } from '../support/docker-api.ts';
import { eventually } from '../support/eventually.ts';
import { daemonOfFile } from '../support/file-daemon.ts';
import { images } from '../support/infra-images.ts';
import { versions } from '../support/installed.ts';
import { startRegistry } from '../support/registry.ts';

const docker = ['--infra', 'docker'];

const daemon = daemonOfFile(startDocker);

test('dockerd killed during up: the start fails, lists what is left, and clean removes it later', async ({
  world,
}) => {
  const port = String(await freePort());
  const words = ['up', 'agg_router', '--engine', 'sim', '--http-port', port, '--timeout', '8', ...docker];
  const session = start(world, words, { env: daemon().env });
  await session.until(/etcd started/);
  await daemon().kill();
  const { code, stderr } = await session.ended;
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/container dynamo-agg_router-\w+-etcd \(Docker at unix:\S+: /);
  await daemon().start();
  expect((await succeed(world, ['clean'])).stdout).toMatch(/remove +container +dynamo-agg_router-\w+-etcd/);
  expect(await daemon().everything()).toEqual([]);
  // Docker's port proxies exit shortly after the container.
  daemon().endProxies();
  await eventually('its ports are free', () => Promise.resolve(leftovers(world).length === 0));
}, 120_000);

test('dockerd killed during down: down lists what is left, and the next command removes it', async ({
  world,
}) => {
  const { runId } = await up(world, 'agg_router', docker, { env: daemon().env });
  const session = start(world, ['down']);
  await session.until(/frontend stopping/);
  await daemon().kill();
  const { code, stderr } = await session.ended;
  expect(code).toBe(1);
  expect(stderr).toContain(`container dynamo-${runId}-etcd (Docker at ${daemon().env['DOCKER_HOST']}: `);
  await daemon().start();
  await succeed(world, ['clean']);
  expect(await daemon().everything()).toEqual([]);
  daemon().endProxies();
  await eventually('its ports are free', () => Promise.resolve(leftovers(world).length === 0));
}, 120_000);

test('dockerd killed while serving: reported once, and etcd and NATS return with it', async ({ world }) => {
  await up(world, 'agg_router', docker, { env: daemon().env });
  await daemon().kill();
  await eventually('it is said', () =>
    Promise.resolve(textBelow(world.state).includes('Docker does not answer')),
  );
  await daemon().start();
  await eventually('etcd and NATS are up again', async () => {
    const [run] = await ps(world);
    const own = run?.processes.filter(({ name }) => name === 'etcd' || name === 'nats') ?? [];
    return own.length === 2 && own.every(({ state, restarts }) => state === 'ready' && restarts > 0);
  });
  await succeed(world, ['down']);
}, 120_000);

test('a user without permission for Docker gets an error with the fix', async ({ world }) => {
  chmodSync(daemon().root, 0o755);
  for (const path of ['', ...readdirSync(world.root, { recursive: true })]) {
    const file = join(world.root, String(path));
    if (!file.startsWith(world.bin + '/')) chownSync(file, 65_534, 65_534);
  }
  const as = ['/usr/bin/setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const words = [process.execPath, executable, 'up', 'agg', '--engine', 'sim', ...docker];
  const { code, stderr } = await startCommand(world, [...as, ...words], { env: daemon().env }).ended;
  expect({ code, stderr }).toMatchObject({ code: 69 });
  expect(stderr).toContain(`DOCKER_HOST at ${daemon().env['DOCKER_HOST']}: permission denied`);
  expect(stderr).toContain('fix: sudo usermod -aG docker "$USER"');
});

test('an image is pulled with progress, and serves', async ({ world }) => {
  const [{ nats } = { nats: 'nats-server' }] = versions();
  const registry = await startRegistry(fileSystem([`${nats}=/nats-server`]), {
    Entrypoint: ['/nats-server'],
  });
  try {
    const { notes } = await up(world, 'agg_router', [...docker, '--image', `nats=${registry.reference}`], {
      env: daemon().env,
    });
    expect(notes).toContain(`a container of ${registry.reference}, which will be pulled`);
    expect(notes).toMatch(/nats is downloading: image \S+, \d of 1 layers/);
    await succeed(world, ['down']);
  } finally {
    registry.close();
  }
});

test('a pull that stops halfway exits with 69 and a command, and leaves nothing', async ({ world }) => {
  const registry = await startRegistry(fileSystem(['/bin/ls']), {}, 10_000);
  try {
    const words = ['up', 'agg_router', '--engine', 'sim', ...docker, '--image', `nats=${registry.reference}`];
    const { code, stderr } = await dynamo(world, words, { env: daemon().env });
    expect({ code, stderr }).toMatchObject({ code: 69 });
    expect(stderr).toContain(`The image ${registry.reference} could not be pulled: `);
    expect(stderr).toContain(`docker pull ${registry.reference}`);
  } finally {
    registry.close();
  }
});

test('a port that another program took meanwhile is named, and leaves no container', async ({ world }) => {
  const server = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  try {
    await expect(launched(world.state, port)).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringContaining(`needs port ${port}`),
    });
  } finally {
    server.close();
  }
});

test('a foreign container with our name is reported and left alone', async ({ world }) => {
  await daemon().ask('POST', '/containers/create?name=dynamo-r1-nats', { Image: images.nats });
  await expect(launched(world.state, await freePort())).rejects.toMatchObject({
    code: 'busy',
    hint: 'docker rm -f dynamo-r1-nats',
  });
  expect(await daemon().everything()).toEqual(['container /dynamo-r1-nats (created)']);
  await daemon().ask('DELETE', '/containers/dynamo-r1-nats');
});

/** A NATS without a plan. Records are written before containers are created. */
async function launched(folder: string, port: number): Promise<void> {
  const written: ContainerEntry[] = [];
  const launch = createContainerLauncher({
    runId: 'r1',
    runFolder: folder,
    daemon: { address: daemon().env['DOCKER_HOST'] ?? '' },
    writeDown: (entry) => void written.push(entry),
    environment: {},
    clock: systemClock,
    note: () => {},
  });
  const spec: ContainerProcess = {
    ...specOf(folder, ['--port', String(port)], 'nats'),
    container: {
      image: images.nats,
      network: 'published',
      published: [port],
      mounts: [],
      passes: [],
      gpus: [],
      limits: { ulimits: [] },
      init: false,
      hostIpc: false,
      capabilities: [],
    },
  };
  const started = launch(spec, { onProgress: () => {}, signal: new AbortController().signal });
  await started.finally(() => expect(written).toHaveLength(1));
}
