/**
 * Frontend and workers in containers: same plan, probes and clean-up, with the embedded engine in an image with Node.
 */
import { realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { killSupervision } from '../../chaos/scene.ts';
import { dynamo, startCommand, succeed } from '../../e2e/harness/cli.ts';
import { faulty, ps, textBelow, up } from '../../e2e/harness/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { test } from '../../e2e/harness/world.ts';
import { startDocker } from '../support/docker.ts';
import { daemonOfFile } from '../support/file-daemon.ts';
import { images, makeInfraImages } from '../support/infra-images.ts';

const token = 'hf_abcdefghijklmnopqrst';
const runtime = ['--runtime', 'docker'];

const daemon = daemonOfFile(startDocker, async (one) => {
  await makeInfraImages(one);
  const node = realpathSync(process.execPath);
  await one.makeImage(images.sim, [node], [`ENV PATH=${dirname(node)}`]);
});

test.for([
  ['disagg', []],
  ['disagg_router', ['--infra', 'docker']],
] as const)('%s serves from containers, and leaves nothing', async ([profile, more], { world }) => {
  const env = { ...daemon().env, HF_TOKEN: token };
  const { runId, client, model } = await up(world, profile, [...runtime, ...more], { env });
  const [run] = await ps(world);
  const names = run?.processes.map(({ name }) => name) ?? [];
  expect(await daemon().everything()).toHaveLength(names.length);
  const { choices } = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'Hello!' }],
    max_tokens: 8,
  });
  expect(choices[0]?.message.content).toBeTruthy();
  const { Config, HostConfig } = (await daemon().ask('GET', `/containers/dynamo-${runId}-frontend/json`)) as {
    Config: { Env: string[] };
    HostConfig: object;
  };
  expect(Config.Env).toContain(`HF_TOKEN=${token}`);
  expect(HostConfig).toMatchObject({ NetworkMode: 'host', IpcMode: 'host', Init: true });
  expect(textBelow(world.state)).not.toContain(token);
  await succeed(world, ['down']);
});

test('a worker that dies in its container fails the start with its last lines', async ({ world }) => {
  const profile = faulty(world, 'agg', { worker: ['--startup-time', '60', '--crash-after', '0.3'] });
  const { code, stderr } = await dynamo(world, ['up', profile, '--engine', 'sim', '--detach', ...runtime], {
    env: daemon().env,
  });
  expect({ code, stderr }).toMatchObject({ code: 1 });
  expect(stderr).toMatch(/worker exited with code/);
});

test('supervisor and keeper killed: clean removes the containers of frontend and workers', async ({
  world,
}) => {
  await up(world, 'agg_router', runtime, { env: daemon().env });
  await killSupervision(world);
  const { stdout } = await succeed(world, ['clean']);
  expect(stdout.match(/remove +container/g)).toHaveLength(3);
  expect(await daemon().everything()).toEqual([]);
});

test('without a daemon, --runtime docker exits with 69 and a fix, and starts nothing', async ({ world }) => {
  const { code, stderr } = await dynamo(world, ['up', 'agg', '--engine', 'sim', ...runtime], {
    env: { DOCKER_HOST: 'unix:///tmp/nothing.sock' },
  });
  expect(code).toBe(69);
  expect(stderr).toContain('there is no such socket');
  expect(stderr).toContain('--runtime process');
  expect(await ps(world, '--all')).toEqual([]);
});

test('the script of a plan starts containers too, and leaves nothing', async ({ world }) => {
  const port = String(await freePort());
  const words = ['plan', 'agg_router', '--engine', 'sim', '--http-port', port, '--infra', 'docker'];
  const { stdout } = await succeed(world, [...words, ...runtime, '--shell'], { env: daemon().env });
  writeFileSync(join(world.work, 'up.sh'), stdout);
  symlinkSync('/usr/bin/docker', join(world.bin, 'docker'));
  const session = startCommand(world, ['bash', join(world.work, 'up.sh')]);
  await session.until(/"chat\.completion"/);
  session.child.kill('SIGTERM');
  expect(await session.ended).toMatchObject({ code: 143 });
});
