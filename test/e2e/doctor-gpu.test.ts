/** `dynamo doctor` on a host whose nvidia-smi works, hangs, fails, or does not see processes. */
import { expect } from 'vitest';
import { send } from '../chaos/scene.ts';
import { dynamo, startCommand } from './harness/cli.ts';
import { type FakeGpus, fakeGpus } from './harness/gpus.ts';
import { test, type World } from './harness/world.ts';

type Told = Readonly<Record<string, { readonly status: string; readonly evidence: string }>>;

async function doctor(world: World, ...args: string[]): Promise<Told> {
  const { stdout } = await dynamo(world, ['doctor', '--json', ...args]);
  const { checks } = JSON.parse(stdout) as { checks: { name: string; status: string; evidence: string }[] };
  return Object.fromEntries(checks.map((check) => [check.name, check]));
}

const aboutGpus = ['--only', 'vram,gpus,nvml,gpu-hang,compute-mode,pidns'];

/** A process of no run that uses 70000 MiB of the first GPU while `during` runs. */
async function withUnowned(
  world: World,
  gpus: FakeGpus,
  during: (pid: number) => Promise<void>,
): Promise<void> {
  const { pid, ended } = startCommand(world, ['sleep', '600'], { ownGroup: true });
  gpus.hold(pid, 0, 70_000);
  try {
    await during(pid);
  } finally {
    send(pid, 'SIGKILL');
    await ended;
  }
}

test('healthy GPUs with an unowned process on one of them', async ({ world }) => {
  const gpus = fakeGpus(world, 2);
  await withUnowned(world, gpus, async (pid) => {
    const told = await doctor(world, ...aboutGpus);
    expect(told['vram']).toMatchObject({ status: 'ok' });
    expect(told['vram']?.evidence).toMatch(
      new RegExp(
        `GPU 0 has .* free: pid ${pid} \\(.*sleep 600.*\\) uses 68.4 GiB; GPU 1 has 139.8 GiB of 140.4 GiB`,
      ),
    );
    expect(told['gpus']?.evidence).toBe('2 of 2 GPUs usable');
    expect(told['nvml']?.evidence).toBe('driver 580.159.04, 2 GPUs');
    expect(told['pidns']).toMatchObject({ status: 'ok', evidence: '1 process on GPUs, all visible here' });
    expect(told['compute-mode']).toMatchObject({ status: 'ok' });
  });
});

test('memory without a listed owner, and processes of another pid namespace', async ({ world }) => {
  const gpus = fakeGpus(world, 1);
  await withUnowned(world, gpus, async () => {
    gpus.change({ mode: 'blind' });
    expect((await doctor(world, ...aboutGpus))['pidns']).toMatchObject({
      status: 'warn',
      evidence: expect.stringContaining('lists no process'),
    });
    gpus.change({ mode: 'foreign' });
    expect((await doctor(world, ...aboutGpus))['pidns']).toMatchObject({
      status: 'warn',
      evidence: expect.stringContaining('which is not in this pid namespace'),
    });
  });
});

test('a failing nvidia-smi is explained, and no GPU check reports ok', async ({ world }) => {
  fakeGpus(world, 2).change({ mode: 'nvml' });
  const { nvml, ...others } = await doctor(world, ...aboutGpus);
  expect(nvml).toMatchObject({
    status: 'fail',
    evidence: expect.stringContaining('Driver/library version mismatch'),
  });
  for (const { status } of Object.values(others)) expect(status).toBe('skip');
});

test('a hung nvidia-smi is reported as a hung GPU within the time limit', async ({ world }) => {
  fakeGpus(world, 2).change({ mode: 'hang' });
  const { 'gpu-hang': hang, ...others } = await doctor(world, ...aboutGpus);
  expect(hang).toMatchObject({ status: 'fail', evidence: expect.stringContaining('did not answer within') });
  for (const { status } of Object.values(others)) expect(status).toBe('skip');
});

test('CUDA_VISIBLE_DEVICES with a GPU that does not exist fails', async ({ world }) => {
  fakeGpus(world, 2);
  const env = { CUDA_VISIBLE_DEVICES: '0,5' };
  const { stdout, code } = await dynamo(world, ['doctor', '--only', 'gpus'], { env });
  expect(code).toBe(1);
  expect(stdout).toMatch(/FAIL {2}D13 gpus {2}CUDA_VISIBLE_DEVICES: this host has no GPU "5"/);
});
