/** Diagnosis as users see it, with recorded logs of real workers that the embedded engine replays. */
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'vitest';
import { dynamo, type Ended, packageFolder, start, succeed } from './harness/cli.ts';
import { faulty } from './harness/deployment.ts';
import { incompletePython } from './harness/loading-python.ts';
import { freePort } from './harness/ports.ts';
import { test, type World } from './harness/world.ts';

const recording = (name: string): string => join(packageFolder, 'test', 'fixtures', 'logs', `${name}.log`);

async function tryUp(world: World, profile: string, ...more: string[]): Promise<Ended> {
  const port = String(await freePort());
  return await dynamo(world, ['up', profile, '--engine', 'sim', '--http-port', port, ...more]);
}

for (const detached of [[], ['--detach']]) {
  const how = detached.length === 0 ? 'in the foreground' : 'detached';

  test(`out of GPU memory, ${how}: shows who uses it, then the log line, then what to do`, async ({
    world,
  }) => {
    const profile = faulty(world, 'disagg', {
      prefill: ['--replay-log', recording('gpu-memory-full'), '--startup-time', '60', '--kill-after', '0.3'],
      decode: ['--startup-time', '60'],
    });
    const { code, stdout, stderr } = await tryUp(world, profile, ...detached);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    const shown = stderr.slice(stderr.indexOf('error: ')).split('\n');
    expect(shown[0]).toBe('error: GPU 0 is full: process 2810 uses 138.6 of its 139.8 GiB.');
    expect(shown[1]).toBe('prefill was ended by SIGKILL; the rest of the run was stopped');
    expect(shown[2]).toBe('seen in the log of prefill:');
    expect(shown[3]).toMatch(/^ {2}torch\.OutOfMemoryError: CUDA out of memory/);
    expect(shown[4]).toMatch(/^log: .*prefill\.log$/);
    expect(shown[5]).toMatch(/^rule: gpu-memory-neighbour; .*D04/);
    expect(shown[6]).toMatch(/^fix: /);
    // Not the last twenty lines, which start with SGLang's advice.
    expect(shown).toHaveLength(8);
  });
}

test('ps, logs, down and events show a failure again, with the id of the rule', async ({ world }) => {
  const profile = faulty(world, 'agg', {
    worker: [
      '--replay-log',
      recording('cudnn-check'),
      '--startup-time',
      '60',
      '--exit-after',
      '0.3',
      '--exit-code',
      '1',
    ],
  });
  const { code, stderr } = await tryUp(world, profile);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^fix: --env SGLANG_DISABLE_CUDNN_CHECK=1/m);
  const { stdout: table } = await succeed(world, ['ps', '--all']);
  expect(table).toMatch(/ failed .* SGLang rejects the installed cuDNN/);
  const { stdout: json } = await succeed(world, ['ps', '--all', '--json']);
  const { runs } = JSON.parse(json) as { runs: { failure?: { diagnosis?: object } }[] };
  expect(runs[0]?.failure?.diagnosis).toMatchObject({ rule: 'cudnn-check', check: 'D01', seenIn: 'worker' });
  const { stdout: events } = await succeed(world, ['events', 'faulty', '--json']);
  expect(events).toMatch(/"type":"diagnosed","diagnosis":\{"rule":"cudnn-check"/);
  expect((await succeed(world, ['logs', '--run', 'faulty'])).stderr).toMatch(
    /failed: .*cuDNN.*\(cudnn-check\)/,
  );
  expect((await succeed(world, ['down', 'faulty'])).stderr).toMatch(
    /fix: --env SGLANG_DISABLE_CUDNN_CHECK=1/,
  );
});

test('a gated model: names the licence and where to accept it, and never shows a token', async ({
  world,
}) => {
  const profile = faulty(world, 'agg', {
    worker: [
      '--replay-log',
      recording('model-gated-hub'),
      '--startup-time',
      '60',
      '--exit-after',
      '0.3',
      '--exit-code',
      '1',
    ],
  });
  const port = String(await freePort());
  const args = [
    'up',
    profile,
    '--engine',
    'sim',
    '--http-port',
    port,
    '--model',
    'black-forest-labs/FLUX.1-dev',
  ];
  const { code, stderr } = await dynamo(world, args, { env: { HF_TOKEN: 'hf_aVerySecretValue0123456789' } });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: .*black-forest-labs\/FLUX\.1-dev.*licence/im);
  expect(stderr).toContain('accept the licence at https://huggingface.co/black-forest-labs/FLUX.1-dev');
  expect(stderr).not.toContain('aVerySecretValue');
});

test('a port in use: names the port and the process', async ({ world }) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    const profile = faulty(world, 'agg', {
      frontend: [`--http-port=${port}`],
      worker: ['--startup-time', '60'],
    });
    const { code, stderr } = await tryUp(world, profile);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(
        `^error: The port ${port} is in use by pid ${process.pid} \\(|^error: port ${port} is in use by pid ${process.pid} \\(`,
        'm',
      ),
    );
  } finally {
    server.close();
  }
});

test('when decode exits because of prefill, the log of prefill is read too', async ({ world }) => {
  const profile = faulty(world, 'disagg', {
    prefill: ['--replay-log', recording('nixl-backend'), '--startup-time', '60'],
    decode: [
      '--replay-log',
      recording('prefill-lost'),
      '--startup-time',
      '60',
      '--exit-after',
      '3',
      '--exit-code',
      '1',
    ],
  });
  const { code, stderr } = await tryUp(world, profile);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: prefill: NIXL cannot use the memory/m);
  expect(stderr).toMatch(/^decode exited with code 1/m);
  expect(stderr).toMatch(/^log: .*prefill\.log$/m);
});

test('an unknown failure shows the last log lines and no guess', async ({ world }) => {
  const profile = faulty(world, 'agg', { worker: ['--startup-time', '60', '--crash-after', '0.3'] });
  const { stderr } = await tryUp(world, profile);
  expect(stderr).toMatch(/^error: worker exited with code 1/m);
  expect(stderr).toMatch(/^last \d+ lines of worker:/m);
  expect(stderr).not.toMatch(/^rule: /m);
});

/** Well below the start-up time of Node on a busy machine, and well above the redraw period. */
const timeout = ['--set', 'components.worker.startupTimeoutSeconds=4'];

test('a download longer than the start-up time-out is not a failure, and is shown', async ({ world }) => {
  const profile = faulty(world, 'agg', { worker: ['--draw-download', '7', '--startup-time', '7.5'] });
  const { code, stderr } = await tryUp(world, profile, '--detach', ...timeout);
  expect([code, stderr]).toEqual([0, stderr]);
  expect(stderr).toMatch(/worker is downloading: model\.safetensors \d+% \(.* of 5\.0 GB, 105 MB\/s\)/);
  await succeed(world, ['down']);
});

test('a download that is not logged is detected in the hub cache', async ({ world }) => {
  const cache = join(world.root, 'hf');
  const into = join(cache, 'hub', 'models--acme--quiet', 'snapshots', 'aaaa');
  const profile = faulty(world, 'agg', { worker: ['--download-into', into, '--startup-time', '7'] });
  const port = String(await freePort());
  const args = ['up', profile, '--engine', 'sim', '--http-port', port, '--model', 'acme/quiet', '--detach'];
  const { code, stderr } = await dynamo(world, [...args, ...timeout], { env: { HF_HOME: cache } });
  expect([code, stderr]).toEqual([0, stderr]);
  expect(stderr).toMatch(/worker is downloading: the model \(.*B, .*B\/s\)/);
  await succeed(world, ['down']);
});

test('a worker that hangs at once or after a download times out and is reported as stuck', async ({
  world,
}) => {
  const still = faulty(world, 'agg', { worker: ['--startup-time', '60'] });
  const silent = await tryUp(world, still, ...timeout);
  expect(silent.code).toBe(69);
  expect(silent.stderr).toMatch(/^error: worker was not ready within 4 s; last seen/m);
  const profile = faulty(world, 'agg', { worker: ['--draw-download', '1', '--startup-time', '60'] });
  const stalled = await tryUp(world, profile, ...timeout);
  expect(stalled.code).toBe(69);
  expect(stalled.stderr).toMatch(/^error: worker made no progress for \d+ s after model\.safetensors 100%/m);
});

test('--timeout limits the whole start, even during a download, which the message mentions', async ({
  world,
}) => {
  const profile = faulty(world, 'agg', { worker: ['--draw-download', '60', '--startup-time', '60'] });
  const port = String(await freePort());
  const run = start(world, ['up', profile, '--engine', 'sim', '--http-port', port, '--timeout', '5']);
  const { code, stderr } = await run.ended;
  expect(code).toBe(69);
  expect(stderr).toMatch(/^error: worker was still downloading at the time limit: model\.safetensors \d+%/m);
  expect(stderr).toMatch(/^fix: hf download /m);
});

test('a missing package is named with the command that installs it', async ({ world }) => {
  const python = incompletePython(world, 'venv', 'uvloop');
  const words = ['up', 'agg', '--engine', 'mocker', '--http-port', String(await freePort()), '--python'];
  const yours = await dynamo(world, [...words, python]);
  expect(yours.code).toBe(1);
  expect(yours.stderr).toContain(`the Python package uvloop is not installed in ${python}`);
  expect(yours.stderr).toContain("  ModuleNotFoundError: No module named 'uvloop'\n");
  expect(yours.stderr).toContain(`fix: uv pip install --python ${python}/bin/python3 ai-dynamo\n`);
  const made = incompletePython(world, 'dynamo/envs/mocker-1.4.2', 'uvloop');
  const { stderr } = await dynamo(world, [...words, made]);
  // Made again, it could lack the same package again.
  expect(stderr).toContain(`fix: uv pip install --python ${made}/bin/python3 uvloop\n`);
});
