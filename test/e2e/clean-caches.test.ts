/** `clean --caches` removes compiled kernels that runs of ours kept, after asking, and nothing else. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { dynamo, succeed } from './harness/cli.ts';
import { up } from './harness/deployment.ts';
import { test } from './harness/world.ts';

/** A cache folder of the user with kernels of two versions, a folder of somebody else and a link. */
function caches() {
  const cache = mkdtempSync(join(tmpdir(), 'dynamo-caches-'));
  onTestFinished(() => rmSync(cache, { recursive: true, force: true }));
  const root = join(cache, 'dynamo', 'kernels');
  const write = (folder: string): string => {
    mkdirSync(join(root, folder, 'triton'), { recursive: true });
    writeFileSync(join(root, folder, 'triton', 'kernel.cubin'), Buffer.alloc(1_500_000));
    return join(root, folder);
  };
  const [h200, cpu, other] = [
    write('sglang-1.4.2/nvidia-h200'),
    write('sglang-1.4.2/cpu'),
    write('mine/kernels'),
  ];
  mkdirSync(join(cache, 'elsewhere'));
  writeFileSync(join(cache, 'elsewhere', 'thesis.txt'), 'irreplaceable');
  symlinkSync(join(cache, 'elsewhere'), join(root, 'sglang-1.4.2', 'nvidia-h100'));
  return { cache, root, h200, cpu, other, env: { XDG_CACHE_HOME: cache } };
}

test('lists them with --dry-run, asks before it removes them, and follows no link', async ({ world }) => {
  const { cache, h200, cpu, other, env } = caches();
  const dry = await succeed(world, ['clean', '--caches', '--dry-run'], { env });
  expect(dry.stdout).toContain('Would remove compiled kernels:');
  expect(dry.stdout).toMatch(/sglang-1\.4\.2\/nvidia-h200 +1\.5 MB/);
  expect(dry.stdout).not.toMatch(/mine|nvidia-h100/);

  const unasked = await dynamo(world, ['clean', '--caches'], { env });
  expect(unasked).toMatchObject({ code: 64 });
  expect(unasked.stderr).toContain('fix: dynamo clean --caches --yes');
  expect([h200, cpu].every((each) => existsSync(each))).toBe(true);

  await succeed(world, ['clean', '--caches', '--yes'], { env });
  expect([h200, cpu].map((each) => existsSync(each))).toEqual([false, false]);
  expect(readdirSync(other)).toEqual(['triton']);
  expect(readFileSync(join(cache, 'elsewhere', 'thesis.txt'), 'utf8')).toBe('irreplaceable');
});

test('without --caches it removes none; without any it says so', async ({ world }) => {
  const { h200, env, root } = caches();
  await succeed(world, ['clean'], { env });
  expect(existsSync(h200)).toBe(true);
  rmSync(root, { recursive: true });
  const { stdout } = await succeed(world, ['clean', '--caches', '--yes'], { env });
  expect(stdout).toContain('No compiled kernels are kept.');
});

test('those of a run that is up stay', async ({ world }) => {
  const { h200, cpu, env } = caches();
  const { runId } = await up(world, 'agg');
  const plan = join(world.state, 'dynamo', 'runs', runId, 'plan.json');
  // Only SGLang compiles kernels: the plan of this run says that it does.
  const text = JSON.parse(readFileSync(plan, 'utf8')) as { processes: { name: string }[] };
  const processes = text.processes.map((spec) =>
    spec.name === 'worker' ? { ...spec, kernelFolder: h200 } : spec,
  );
  writeFileSync(plan, JSON.stringify({ ...text, processes }));
  const { stdout } = await succeed(world, ['clean', '--caches', '--yes'], { env });
  expect(stdout).toMatch(/nvidia-h200 .*stays: agg uses it/);
  expect([existsSync(h200), existsSync(cpu)]).toEqual([true, false]);
  await succeed(world, ['down']);
});
