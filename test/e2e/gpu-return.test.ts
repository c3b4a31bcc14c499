/** A worker with a GPU counts as stopped when its memory is free again; memory that is not is reported in time. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { keepers, send, supervisors } from '../chaos/scene.ts';
import { type Session, start, succeed } from './harness/cli.ts';
import { ps } from './harness/deployment.ts';
import { type FakeGpus, fakeGpus } from './harness/gpus.ts';
import { loadingPython } from './harness/loading-python.ts';
import { freePort } from './harness/ports.ts';
import { until } from '../support/until.ts';
import { test, type World } from './harness/world.ts';

/** A run on one GPU whose worker uses 8 GiB. */
async function holding(world: World, gpus: FakeGpus): Promise<Session> {
  const port = String(await freePort());
  const python = loadingPython(world);
  const words = ['up', 'agg', '--engine', 'sglang', '--python', python, '--http-port', port];
  const session = start(world, words);
  await session.until(/worker started \(pid/);
  const pid = await until('the pid of the worker', async () => {
    const [run] = await ps(world);
    return run?.processes.find(({ name }) => name === 'worker')?.pid;
  });
  gpus.hold(pid, 0, 8_192);
  return session;
}

/** In MiB, from nvidia-smi. */
function used(world: World): number {
  const words = ['--query-gpu=memory.used', '--format=csv,noheader,nounits'];
  return Number(execFileSync(join(world.bin, 'nvidia-smi'), words, { encoding: 'utf8' }));
}

test('down returns when the memory is free again, and reports how much', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  gpus.change({ decayMs: 700 });
  const session = await holding(world, gpus);
  const { stderr } = await succeed(world, ['down']);
  expect(used(world)).toBeLessThanOrEqual(4 + 256);
  expect(stderr).toMatch(/worker: 8\.0 GiB of GPU memory freed$/m);
  await session.ended;
});

test('down --now waits as well', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  gpus.change({ decayMs: 700 });
  const session = await holding(world, gpus);
  await succeed(world, ['down', '--now']);
  expect(used(world)).toBeLessThanOrEqual(4 + 256);
  await session.ended;
});

test('Ctrl-C waits as well', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  gpus.change({ decayMs: 700 });
  const session = await holding(world, gpus);
  send(session.pid, 'SIGINT');
  const { stderr } = await session.ended;
  expect(used(world)).toBeLessThanOrEqual(4 + 256);
  expect(stderr).toMatch(/worker: 8\.0 GiB of GPU memory freed$/m);
});

test('memory that is not freed is reported with the next command, and does not delay a stop for long', async ({
  world,
}) => {
  const gpus = fakeGpus(world, 1);
  gpus.change({ decayMs: 3_600_000 });
  const session = await holding(world, gpus);
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toMatch(
    /worker has ended, but 8\.0 GiB of GPU 0 was not freed within 5 s: dynamo clean --dry-run/,
  );
  expect(await ps(world)).toEqual([]);
  await session.ended;
});

test('a hung nvidia-smi does not prevent a stop', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const session = await holding(world, gpus);
  gpus.change({ mode: 'hang' });
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).not.toContain('GPU memory');
  expect(await ps(world)).toEqual([]);
  await session.ended;
});

test('down of a run without supervisor and keeper waits as well', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const session = await holding(world, gpus);
  for (const each of supervisors(world)) send(each, 'SIGSTOP');
  for (const each of keepers(world)) send(each.pid, 'SIGKILL');
  for (const each of supervisors(world)) send(each, 'SIGKILL');
  await session.ended;
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toMatch(/^GPU memory: 8\.0 GiB freed$/m);
  expect(used(world)).toBeLessThanOrEqual(4 + 64);
});
