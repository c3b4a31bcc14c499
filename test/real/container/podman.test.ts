/** etcd and NATS in containers of Podman: the same as with Docker, over Podman's socket. */
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { killSupervision } from '../../chaos/scene.ts';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
import { onSim, ps, up } from '../../e2e/harness/deployment.ts';
import { test } from '../../e2e/harness/world.ts';
import { eventually } from '../support/eventually.ts';
import { daemonOfFile } from '../support/file-daemon.ts';
import { startPodman } from '../support/podman.ts';
import { mayRun } from '../../support/may-run.ts';

const docker = ['--infra', 'docker'];

const daemon = daemonOfFile(startPodman);

test('a tree with etcd and NATS in containers serves, survives a kill, and leaves nothing', async ({
  world,
}) => {
  const { notes, runId } = await up(world, 'agg_router', docker, { env: daemon().env });
  expect(notes).toMatch(/^etcd +docker +a container of bitnamilegacy\/etcd:3\.6\.1, which is here/m);
  expect((await succeed(world, ['logs', 'nats'])).stdout).toContain('Server is ready');
  await daemon().ask('POST', `/containers/dynamo-${runId}-nats/kill?signal=SIGKILL`);
  await eventually('NATS is up again', async () => {
    const [run] = await ps(world);
    const nats = run?.processes.find(({ name }) => name === 'nats');
    return nats?.state === 'ready' && nats.restarts === 1;
  });
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toContain('nothing is left');
});

test('supervisor and keeper killed: clean removes the containers', async ({ world }) => {
  const { runId } = await up(world, 'agg_router', docker, { env: daemon().env });
  await killSupervision(world);
  const { stdout } = await succeed(world, ['clean', '--dry-run'], { env: daemon().env });
  expect(stdout).toMatch(new RegExp(`remove +container +dynamo-${runId}-etcd \\(running\\)`));
  await succeed(world, ['clean']);
});

// One of Docker would come first.
test.runIf(mayRun(!existsSync('/var/run/docker.sock')))(
  'the socket of a user is found where Podman puts it',
  async ({ world }) => {
    mkdirSync(join(world.runtime, 'podman'));
    symlinkSync(daemon().socket, join(world.runtime, 'podman', 'podman.sock'));
    const { notes } = await up(world, 'agg', docker);
    expect(notes).toMatch(/^etcd +docker .*; rootless Podman at unix:\S+\/podman\/podman\.sock answers/m);
    await succeed(world, ['down']);
    rmSync(join(world.runtime, 'podman'), { recursive: true });
  },
);

test('an image that cannot be pulled exits with 69 and leaves nothing', async ({ world }) => {
  const image = ['--image', 'etcd=127.0.0.1:9/none/etcd:1'];
  const args = ['up', 'agg', '--detach', ...docker, ...image, ...(await onSim())];
  const { code, stderr } = await dynamo(world, args, { env: daemon().env });
  expect(stderr).toMatch(/127\.0\.0\.1:9\/none\/etcd:1 could not be pulled: .*connection refused/);
  expect(stderr).toContain('fix: docker pull 127.0.0.1:9/none/etcd:1');
  expect(code).toBe(69);
});
