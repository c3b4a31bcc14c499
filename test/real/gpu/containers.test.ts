/** Who holds GPU memory from within containers and other pid namespaces: unowned processes are reported and stay, those of a run are known. Needs dockerd, unshare. */
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { killSupervision } from '../../chaos/scene.ts';
import { dynamo, packageFolder, startCommand, succeed } from '../../e2e/harness/cli.ts';
import { up } from '../../e2e/harness/deployment.ts';
import { fakeGpus } from '../../e2e/harness/gpus.ts';
import { until } from '../../support/until.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { isLiving } from '../../oracle/proc.ts';
import { startDocker } from '../support/docker.ts';
import { daemonOfFile } from '../support/file-daemon.ts';
import { images } from '../support/infra-images.ts';

const holderImage = 'holder:1';

const daemon = daemonOfFile(startDocker, async (one) => {
  const node = realpathSync(process.execPath);
  await one.makeImage(images.sim, [node], [`ENV PATH=${dirname(node)}`]);
  await one.makeImage(holderImage, ['/bin/sleep'], ['CMD ["/bin/sleep", "600"]']);
});

/** A foreign container, by id. */
const foreign: string[] = [];

afterEach(async () => {
  for (const id of foreign.splice(0)) await daemon().ask('DELETE', `/containers/${id}?force=1&v=1`);
});

interface Contained {
  /** As known to Docker. */
  readonly id: string;
  /** On this host. */
  readonly pid: number;
}

/** A foreign container, removed after the test. */
async function container(user = ''): Promise<Contained> {
  const made = { Image: holderImage, User: user, NetworkDisabled: true };
  const { Id } = (await daemon().ask('POST', '/containers/create', made)) as { Id: string };
  foreign.push(Id);
  await daemon().ask('POST', `/containers/${Id}/start`);
  return await inContainer(Id);
}

async function inContainer(name: string): Promise<Contained> {
  const { Id, State } = (await daemon().ask('GET', `/containers/${name}/json`)) as {
    Id: string;
    State: { Pid: number };
  };
  return { id: Id, pid: State.Pid };
}

/** Its own, not one that contains its name or digits. */
function rowOf(pid: number): RegExp {
  return new RegExp(`^ +${pid} \\(`, 'm');
}

async function clean(world: World, ...flags: readonly string[]): Promise<string> {
  return (await succeed(world, ['clean', ...flags], { env: daemon().env })).stdout;
}

test('a GPU process in a container is listed with owner, container and stop command, and left alone', async ({
  world,
}) => {
  const gpus = fakeGpus(world, 1);
  const { id, pid } = await container('65534:65534');
  gpus.hold(pid, 0, 71 * 1024);
  const short = id.slice(0, 12);
  const line = new RegExp(
    `^ +${pid} \\((\\S+), sleep, for .*, 71\\.0 GiB on GPU 0, in container ${short}\\) +holds GPU memory +` +
      `docker stop (\\w+) +# or: dynamo clean --pid ${pid}@\\d+$`,
    'm',
  );
  const [, user, named] = line.exec(await clean(world)) ?? [];
  expect([user, named]).toEqual(['nobody', short]);
  expect(isLiving(pid)).toBe(true);
  await daemon().ask('POST', `/containers/${named}/stop?t=0`);
  expect(await clean(world)).not.toMatch(rowOf(pid));
});

test('--pid ends it only with the listed start time, and shows its owner', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const { id, pid } = await container('65534:65534');
  gpus.hold(pid, 0, 71 * 1024);
  const [, start] = new RegExp(`--pid ${pid}@(\\d+)`).exec(await clean(world, '--dry-run')) ?? [];
  const wrong = await dynamo(world, ['clean', '--pid', `${pid}@1`], { env: daemon().env });
  expect([wrong.code, wrong.stderr]).toEqual([77, expect.stringContaining('another process now')]);
  expect(isLiving(pid)).toBe(true);
  const stdout = await clean(world, '--pid', `${pid}@${start}`);
  expect(stdout).toContain('owned by ANOTHER USER, nobody');
  expect(stdout).toContain('GPU memory: 71.0 GiB freed');
  expect(isLiving(pid)).toBe(false);
  await until('Docker to see it end', async () => (await inContainer(id)).pid === 0);
});

test('processes in containers of a live run are known as its own', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const { runId } = await up(world, 'agg', ['--runtime', 'docker'], { env: daemon().env });
  const { pid } = await inContainer(`dynamo-${runId}-worker`);
  gpus.hold(pid, 0, 8_192);
  expect(await clean(world)).not.toMatch(rowOf(pid));
  const asked = await dynamo(world, ['clean', '--pid', String(pid)], { env: daemon().env });
  expect([asked.code, asked.stderr]).toEqual([
    77,
    expect.stringContaining(`it belongs to run ${runId}, which is up`),
  ]);
  await clean(world, '--all-gpu-processes', '--yes');
  expect(isLiving(pid)).toBe(true);
  await succeed(world, ['down']);
});

test('GPU memory of a container of a dead run is freed when clean removes it', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const { runId } = await up(world, 'agg', ['--runtime', 'docker'], { env: daemon().env });
  const name = `dynamo-${runId}-worker`;
  const { pid } = await inContainer(name);
  gpus.hold(pid, 0, 8_192);
  // Suspended first: it would start another keeper at once.
  await killSupervision(world);
  const stdout = await clean(world);
  expect(stdout).toMatch(new RegExp(`remove +container +${name} \\(running, 8\\.0 GiB of GPU memory\\)`));
  expect(stdout).toContain('GPU memory: 8.0 GiB freed');
  expect(isLiving(pid)).toBe(false);
});

test('in another pid namespace, the process is reported as outside and not signalled', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const { pid } = await container();
  gpus.hold(pid, 0, 71 * 1024);
  const outside = join(world.root, 'proc-outside');
  mkdirSync(outside);
  gpus.change({ proc: outside });
  const unshare = ['/usr/bin/unshare', '/bin/unshare'].find((file) => existsSync(file)) ?? '';
  const within = async (flags: string) => {
    const command = `${process.execPath} ${join(packageFolder, 'bin/dynamo.js')} clean ${flags}`;
    const script = `mount --bind /proc ${outside} && mount -t proc proc /proc && exec ${command}`;
    const words = [unshare, '--mount', '--pid', '--fork', '/bin/sh', '-c', script];
    return await startCommand(world, words, { env: { PATH: `${world.env['PATH']}:/usr/bin:/bin` } }).ended;
  };
  const seen = await within('');
  expect({ code: seen.code, stdout: seen.stdout }).toEqual({
    code: 0,
    stdout: expect.stringContaining(
      `71.0 GiB on GPU 0 is held outside this pid namespace, by pid ${pid} there`,
    ),
  });
  const asked = await within(`--pid ${pid}`);
  expect([asked.code, asked.stderr]).toEqual([77, expect.stringContaining('holds no GPU')]);
  expect((await within('--all-gpu-processes --yes')).code).toBe(0);
  expect(isLiving(pid)).toBe(true);
});
