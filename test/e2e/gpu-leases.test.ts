/**
 * GPUs of runs with the engine sglang: each worker gets its own, no two runs share one, and errors name the users.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { keepers, processesOfRuns, send, supervisors } from '../chaos/scene.ts';
import { dynamo, type Session, start, succeed } from './harness/cli.ts';
import { ps } from './harness/deployment.ts';
import { fakeGpus } from './harness/gpus.ts';
import { loadingPython } from './harness/loading-python.ts';
import { freePort } from './harness/ports.ts';
import { until } from '../support/until.ts';
import { standIn, test, type World } from './harness/world.ts';

async function loading(world: World, python: string, words: readonly string[]): Promise<Session> {
  const port = String(await freePort());
  const session = start(world, [
    'up',
    ...words,
    '--engine',
    'sglang',
    '--python',
    python,
    '--http-port',
    port,
  ]);
  await session.until(/worker.* started \(pid|decode started \(pid/);
  return session;
}

async function stop(...sessions: readonly Session[]): Promise<void> {
  for (const { pid } of sessions) send(pid, 'SIGINT');
  for (const { ended } of sessions) await ended;
}

const gpusOf = async (
  world: World,
  name: string,
): Promise<readonly (readonly [string, readonly string[]])[]> => {
  const run = (await ps(world)).find((each) => each.name === name);
  return (run?.processes ?? []).map((each) => [each.name, each.gpus] as const);
};

const told = (logs = ''): string => join(logs, '..', 'worker.gpus');

const device = (stdout: string): unknown =>
  (JSON.parse(stdout) as { processes: { env: Record<string, string> }[] }).processes
    .map(({ env }) => env['CUDA_VISIBLE_DEVICES'])
    .find((value) => value !== undefined);

test('two runs never get the same GPU, a third is refused with their names, and all GPUs are returned', async ({
  world,
}) => {
  fakeGpus(world, 2);
  const python = loadingPython(world);
  const first = await loading(world, python, ['agg']);
  const second = await loading(world, python, ['agg', '--name', 'second']);
  expect(await gpusOf(world, 'agg')).toEqual([
    ['frontend', []],
    ['worker', ['0']],
  ]);
  expect(await gpusOf(world, 'second')).toEqual([
    ['frontend', []],
    ['worker', ['1']],
  ]);
  const [one, two] = await ps(world);
  await until('the worker to be told', () => existsSync(told(two?.logs)));
  expect([one, two].map((run) => readFileSync(told(run?.logs), 'utf8'))).toEqual([
    'PCI_BUS_ID 0\n',
    'PCI_BUS_ID 1\n',
  ]);
  const third = await dynamo(world, [
    'up',
    'agg',
    '--name',
    'third',
    '--engine',
    'sglang',
    '--python',
    python,
  ]);
  expect(third.code).toBe(75);
  expect(third.stderr).toContain('Needs 1 GPU, but only 0 of the 2 allowed have enough free memory.');
  expect(third.stderr).toContain(`leased by run ${one?.runId}`);
  expect(third.stderr).toContain(`leased by run ${two?.runId}`);
  await stop(first, second);
  await stop(await loading(world, python, ['disagg', '--gpus', '1,0']));
});

test('workers of one run can share a GPU', async ({ world }) => {
  fakeGpus(world, 1);
  const python = loadingPython(world);
  const plan = await succeed(world, [
    'plan',
    'disagg_same_gpu',
    '--json',
    '--engine',
    'sglang',
    '--python',
    python,
  ]);
  const { processes, gpuUuids } = JSON.parse(plan.stdout) as {
    processes: { name: string; env: Record<string, string> }[];
    gpuUuids: string[];
  };
  const devices = processes.map(({ name, env }) => [name, env['CUDA_VISIBLE_DEVICES']]);
  expect(Object.fromEntries(devices)).toMatchObject({ prefill: '0', decode: '0' });
  expect(gpuUuids).toHaveLength(1);
});

test("no GPU outside the caller's CUDA_VISIBLE_DEVICES is ever used", async ({ world }) => {
  const gpus = fakeGpus(world, 3);
  const python = loadingPython(world);
  const plan = async (visible: string, ...flags: readonly string[]) =>
    await dynamo(world, ['plan', 'agg', '--json', '--engine', 'sglang', '--python', python, ...flags], {
      env: { CUDA_VISIBLE_DEVICES: visible },
    });
  expect(device((await plan('2')).stdout)).toBe('2');
  expect(device((await plan('GPU-1111')).stdout)).toBe('1');
  expect(await plan('1,2', '--gpus', '0')).toMatchObject({ code: 78 });
  const none = await plan('');
  expect([none.code, none.stderr]).toEqual([
    75,
    expect.stringContaining('only 0 are allowed (CUDA_VISIBLE_DEVICES="")'),
  ]);
  gpus.change({ mode: 'silent' });
  expect(device((await plan('2')).stdout)).toBe('2');
});

test('GPUs of a killed run are free for the next one', async ({ world }) => {
  fakeGpus(world, 1);
  const python = loadingPython(world);
  const first = await loading(world, python, ['agg']);
  const before = processesOfRuns(world).map(({ pid }) => pid);
  for (const pid of supervisors(world)) send(pid, 'SIGSTOP');
  for (const { pid } of keepers(world)) send(pid, 'SIGKILL');
  for (const pid of supervisors(world)) send(pid, 'SIGKILL');
  await first.ended;
  const second = await loading(world, python, ['agg']);
  expect(await gpusOf(world, 'agg')).toContainEqual(['worker', ['0']]);
  const now = new Set(processesOfRuns(world).map(({ pid }) => pid));
  expect(before.filter((pid) => now.has(pid))).toEqual([]);
  await stop(second);
});

test('ps --watch shows how much GPU memory a process uses', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const run = await loading(world, loadingPython(world), ['agg']);
  const worker = (await ps(world))[0]?.processes.find(({ name }) => name === 'worker');
  gpus.hold(worker?.pid ?? 0, 0, 70_000);
  const watching = start(world, ['ps', '--watch', '--json']);
  await watching.until(new RegExp(`"gpuMemoryBytes":${70_000 * 2 ** 20}[,}]`));
  await stop(watching, run);
});

test('a MIG instance is assigned by its UUID, within CUDA_VISIBLE_DEVICES', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  const [a, b] = ['MIG-41b3359c-e721-56e5-8009-12e5797ed514', 'MIG-65b79fff-6d3c-5490-a288-b31ec705f310'];
  const mig = { [a]: '3g.71gb', [b]: '3g.71gb' };
  const name = 'NVIDIA H200';
  gpus.change({ gpus: [{ uuid: 'GPU-84fd49f2-48ad-50e8-9f2e-3bf0dfd47ccb', name, totalMiB: 143_771, mig }] });
  const words = ['plan', 'agg', '--engine', 'sglang', '--python', loadingPython(world), '--json'];
  expect(device((await succeed(world, words)).stdout)).toBe(a);
  const env = { CUDA_VISIBLE_DEVICES: b };
  expect(device((await succeed(world, words, { env })).stdout)).toBe(b);
  const pair = await dynamo(world, [...words, '--set', 'components.worker.gpus=2'], { env: {} });
  expect([pair.code, pair.stderr]).toEqual([
    75,
    expect.stringContaining('whole GPUs only, since a process cannot use'),
  ]);
  const whole = await dynamo(world, words, { env: { CUDA_VISIBLE_DEVICES: '0' } });
  expect(whole.stderr).toContain('GPU 0 is partitioned (MIG): name its instances by UUID');
});

const uuid = '54bf1cca-ecba-5aa2-a00a-1c0a3f1b1f8f';

/** As on a Jetson: a UUID without a prefix, no memory values, and `more` lines. */
function jetson(world: World, more = ''): void {
  const row = `0, ${uuid}, Orin (nvgpu), [N/A], [N/A], [N/A], [N/A], Default, 540.4.0, [N/A], [N/A], [N/A]`;
  const rows = `echo '${row}'${more === '' ? '' : `; echo '${more}'`}`;
  standIn(world, 'nvidia-smi', `#!/bin/sh\ncase "$*" in *--query-gpu=*) ${rows};; esac\n`);
}

test('a Jetson GPU is planned, leased and returned, and unknown values are reported as such', async ({
  world,
}) => {
  jetson(world);
  const python = loadingPython(world);
  const plan = await succeed(world, ['plan', 'agg', '--python', python]);
  expect(plan.stdout).toMatch(/engine +sglang +1 × Orin \(nvgpu\)/);
  expect(plan.stdout).toMatch(/gpu +0 +worker: .*its free memory is unknown: nvidia-smi does not report it/);
  const first = await loading(world, python, ['agg', '--gpus', uuid]);
  expect(existsSync(join(world.state, 'dynamo', 'gpus', uuid))).toBe(true);
  const [run] = await ps(world);
  const second = await dynamo(world, ['up', 'agg', '--name', 'b', '--engine', 'sglang', '--python', python]);
  expect(second.code).toBe(75);
  expect(second.stderr).toContain(`GPU 0 (Orin (nvgpu)): free memory unknown, leased by run ${run?.runId}`);
  await stop(first);
  expect(existsSync(join(world.state, 'dynamo', 'gpus', uuid))).toBe(false);
  const { stdout } = await dynamo(world, ['doctor', '--verbose', '--only', 'gpus,vram']);
  expect(stdout).toContain('1 of 1 GPUs usable; nvidia-smi does not report the memory of GPU 0: N/A');
  expect(stdout).toContain('GPU 0 has unknown memory');
});

test('a row of nvidia-smi that names no GPU is printed as it is, not dropped', async ({ world }) => {
  const row = '[Unknown Error], GPU-1, NVIDIA H200, 1, 1, 1, [N/A], Default, 1, 1, 1, 1';
  jetson(world, row);
  const python = loadingPython(world);
  const { stdout } = await succeed(world, ['plan', 'agg', '--python', python]);
  expect(stdout).toMatch(/^gpus +1 usable /m);
  expect(stdout).toContain(`prints a row without an index: ${row}`);
});
