/** Choice of engine: what `auto` uses and why; a host with GPUs never gets simulated answers unasked. */
import { expect } from 'vitest';
import { dynamo, succeed } from './harness/cli.ts';
import { freePort } from './harness/ports.ts';
import { standIn, test } from './harness/world.ts';

const gpu = '0, GPU-11111111-2222-3333-4444-555555555555, NVIDIA H200, 143771, 4';

async function port(): Promise<string> {
  return String(await freePort());
}

test('without a GPU, `auto` uses sim and says so in the first line', async ({ world }) => {
  const { stdout, stderr } = await succeed(world, ['up', 'agg', '-d', '--json', '--http-port', await port()]);
  expect(JSON.parse(stdout)).toMatchObject({ engine: 'sim' });
  expect(stderr.split('\n')[0]).toMatch(/^engine +sim +this host has no NVIDIA GPU: answers are simulated/);
  await succeed(world, ['down']);
});

test('with a GPU but without SGLang, exits with 78 and both options, and starts nothing', async ({
  world,
}) => {
  standIn(world, 'nvidia-smi', `#!/bin/sh\necho '${gpu}'\n`);
  for (const verb of ['up', 'plan']) {
    const { code, stdout, stderr } = await dynamo(world, [verb, 'agg']);
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toContain('1 × NVIDIA H200, but SGLang is not installed');
    expect(stderr).toContain('dynamo setup --engine sglang');
    expect(stderr).toContain('--engine sim');
  }
  const asked = await succeed(world, [
    'up',
    'agg',
    '-d',
    '--json',
    '--engine',
    'sim',
    '--http-port',
    await port(),
  ]);
  expect(asked.stderr).toMatch(/^engine +sim +--engine sim$/m);
  await succeed(world, ['down']);
});

test('a failing nvidia-smi is reported as the reason', async ({ world }) => {
  standIn(world, 'nvidia-smi', '#!/bin/sh\necho "Driver/library version mismatch" >&2\nexit 18\n');
  const { stdout } = await succeed(world, ['plan', 'agg']);
  expect(stdout).toMatch(/^engine +sim +nvidia-smi is here but failed: Driver\/library version mismatch/m);
});

test('an engine without its Python packages exits with 78 and leaves nothing behind', async ({ world }) => {
  for (const engine of ['mocker', 'sglang']) {
    const { code, stderr } = await dynamo(world, ['up', 'agg', '--engine', engine]);
    expect(code).toBe(78);
    expect(stderr).toContain(`engine ${engine}`);
    expect(stderr).toMatch(/^fix: .*--engine sim/m);
  }
});
