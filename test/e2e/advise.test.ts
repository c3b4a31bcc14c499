/** `dynamo advise` with recorded answers: the screen, a profile that starts, a manifest, and every way without an answer. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { fakeConfigurator } from '../support/fake-configurator.ts';
import { dynamo, shellCode, start, startCommand, succeed } from './harness/cli.ts';
import { fakeGpus } from './harness/gpus.ts';
import { standIn, test as base, type World } from './harness/world.ts';

const test = base.extend<{ advisor: World }>({
  advisor: async ({ world }, use) => {
    standIn(world, 'cp', '#!/bin/sh\nexec /bin/cp "$@"\n');
    fakeConfigurator(world.bin);
    await use(world);
    // It works in a folder there.
    expect(readdirSync(world.temporary)).toEqual([]);
  },
});

const words = [
  'advise',
  '--model',
  'Qwen/Qwen3-32B',
  '--isl',
  '4000',
  '--osl',
  '500',
  '--ttft',
  '1s',
  '--itl',
  '20ms',
];
const onEight = [...words, '--gpus', '8', '--gpu', 'h200_sxm'];

test('one screen that says that it predicts; its command and its profile are the same plan', async ({
  advisor,
}) => {
  fakeGpus(advisor, 8);
  const { stdout, stderr } = await succeed(advisor, [...onEight, '--write', 'mine.yaml']);
  expect(stderr).toMatch(/^AIConfigurator 0\.12\.0, on PATH \[/);
  expect(stdout).toContain('PREDICTED by AIConfigurator 0.12.0 from data of SGLang 0.5.14 on h200_sxm');
  expect(stdout).toMatch(/^ +agg +disagg\b/m);
  expect(stdout).toMatch(/^tokens\/s\/GPU +501 +447$/m);
  expect(stdout).toMatch(/^TTFT +518 ms +453 ms +≤ 1\.0 s$/m);
  expect(stdout).toMatch(/^workers +2 × tp4 +prefill 2 × tp2, decode 2 × tp2$/m);
  expect(stdout).toContain('agg: 1.12 × the throughput of disagg, 4010 against 3578 tokens/s.');
  expect(stdout).toMatch(/^Next dynamo up \.\/mine\.yaml$/m);
  expect(stdout.split('\n').length).toBeLessThan(24);
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThan(120);

  const again = await succeed(advisor, onEight);
  const command = /^Next dynamo up (.*)$/m.exec(again.stdout)?.[1] ?? '';
  standIn(advisor, 'dynamo', `#!/bin/sh\nfor word in "$@"; do printf '%s\\n' "$word"; done\n`);
  const split = await startCommand(advisor, ['sh', '-c', `dynamo ${command}`]).ended;
  await succeed(advisor, ['profiles', 'validate', './mine.yaml']);
  const compose = async (operands: readonly string[]): Promise<unknown> => {
    const text = await succeed(advisor, ['plan', ...operands, '--compose', '--name', 'same']);
    return text.stdout
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .join('\n');
  };
  expect(await compose(['./mine.yaml'])).toEqual(await compose(split.stdout.trimEnd().split('\n')));
});

test('a profile with the shape is up on sim, and carries its figures', async ({ advisor }) => {
  await succeed(advisor, [...onEight, '--write', 'mine.yaml']);
  const running = await succeed(advisor, ['up', './mine.yaml', '--engine', 'sim', '--detach', '--json']);
  expect(JSON.parse(running.stdout)).toMatchObject({ model: 'Qwen/Qwen3-32B' });
  const { stdout } = await succeed(advisor, ['ps', '--json']);
  const [run] = (JSON.parse(stdout) as { runs: { processes: { name: string; state: string }[] }[] }).runs;
  expect(run?.processes.map(({ name, state }) => `${name} ${state}`).toSorted()).toEqual([
    'frontend ready',
    'worker-1 ready',
    'worker-2 ready',
  ]);
  await succeed(advisor, ['down', '--all', '--quiet']);
  const shown = await succeed(advisor, ['profiles', 'show', './mine.yaml', '--json']);
  expect(JSON.parse(shown.stdout)).toMatchObject({ predicted: { tokensPerSecondPerGpu: 501.191, gpus: 8 } });
});

test('the GPUs of this host are the default; others need a type', async ({ advisor }) => {
  fakeGpus(advisor, 8);
  const calls = join(advisor.root, 'calls');
  await succeed(advisor, words, { env: { FAKE_CONFIGURATOR_CALLS: calls } });
  expect(readFileSync(calls, 'utf8')).toContain('--system h200_sxm --backend sglang --total-gpus 8');
  fakeGpus(advisor, 1).change({
    gpus: [{ uuid: 'GPU-0', name: 'NVIDIA GeForce RTX 4090', totalMiB: 24_000 }],
  });
  const other = await dynamo(advisor, words);
  expect([other.code, other.stderr]).toEqual([
    64,
    expect.stringContaining('AIConfigurator has no data of NVIDIA GeForce RTX 4090'),
  ]);
});

test('a load: the fewest GPUs, as a manifest that says what it is', async ({ advisor }) => {
  const { stdout, stderr } = await succeed(advisor, [
    ...words,
    '--gpu',
    'h200_sxm',
    '--rate',
    '1000',
    '--on',
    'kubernetes',
    '--namespace',
    'serving',
  ]);
  expect(stderr).toContain('agg: 996 GPUs for 1000 requests/s, against 1120 with disagg.');
  expect(stdout).toMatch(/^# PREDICTED, not measured: 996 GPUs, 501\.191 tokens\/s\/GPU/m);
  const [document] = parseAllDocuments(stdout);
  expect(document?.toJS()).toMatchObject({
    kind: 'DynamoGraphDeployment',
    metadata: { namespace: 'serving' },
    spec: {
      components: expect.arrayContaining([
        expect.objectContaining({ name: 'worker', replicas: 249 }),
      ]) as unknown,
    },
  });
  const here = await dynamo(advisor, ['plan', 'agg', '--engine', 'sim', '--replicas', 'worker=257']);
  expect([here.code, here.stderr]).toEqual([64, expect.stringContaining('one machine runs up to 256')]);
});

test('--json has the same, and what was passed over', async ({ advisor }) => {
  const { stdout } = await succeed(advisor, [...onEight, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    version: 1,
    question: { gpu: 'h200_sxm', ttftMs: 1000, itlMs: 20 },
    predictedBy: { aiconfigurator: '0.12.0', flags: '0.5.16' },
    advice: [
      {
        profile: 'agg',
        meets: true,
        replicas: { worker: 2 },
        predicted: { data: 'SGLang 0.5.14', ttftMs: 518.152 },
      },
      { profile: 'disagg', meets: true, replicas: { prefill: 2, decode: 2 } },
    ],
    passedOver: [],
  });
});

test('a local model is given by its folder, and needs config.json', async ({ advisor }) => {
  const folder = join(advisor.work, 'my-model');
  mkdirSync(folder);
  const local = ['advise', '--model', './my-model', '--gpus', '8', '--gpu', 'h200_sxm'];
  const without = await dynamo(advisor, local);
  expect([without.code, without.stderr]).toEqual([
    78,
    `error: --model ./my-model: there is no config.json in ${folder}.\nfix: ls ${folder}\n`,
  ]);
  writeFileSync(join(folder, 'config.json'), '{}');
  const calls = join(advisor.root, 'calls');
  await succeed(advisor, [...local, '--write', 'mine.yaml'], { env: { FAKE_CONFIGURATOR_CALLS: calls } });
  expect(readFileSync(calls, 'utf8')).toContain(`--model-path ${folder} `);
  expect(readFileSync(join(advisor.work, 'mine.yaml'), 'utf8')).toContain(`default: ${folder}`);
});

describe('without an answer', () => {
  test.for([
    [
      'an unknown model',
      ['--model', 'foo/bar', '--gpu', 'h200_sxm'],
      'AIConfigurator does not know the model foo/bar',
    ],
    [
      'a GPU without data',
      ['--gpu', 'l4'],
      'AIConfigurator has no data of Qwen/Qwen3-32B with SGLang on l4.',
    ],
    [
      'limits that nothing keeps',
      ['--gpu', 'h200_sxm', '--ttft', '1ms'],
      'AIConfigurator found no configuration',
    ],
  ] as const)('%s: a sentence and a command', async ([, more, message], { advisor }) => {
    const { code, stdout, stderr } = await dynamo(advisor, [...words, '--gpus', '8', ...more]);
    expect([code, stdout]).toEqual([69, '']);
    expect(stderr).toContain(`error: ${message}`);
    expect(stderr).toMatch(/^fix: dynamo advise --model \S+ --gpus 8 --gpu /m);
  });

  test('too late: it is ended with all that it started', async ({ advisor }) => {
    const env = { FAKE_CONFIGURATOR_HANGS: '1' };
    const { code, stderr } = await dynamo(advisor, [...onEight, '--timeout', '0.5'], { env });
    expect([code, stderr]).toEqual([
      69,
      expect.stringContaining('AIConfigurator gave no answer within 500 ms.'),
    ]);
  });

  test('Ctrl-C leaves nothing', async ({ advisor }) => {
    const env = { FAKE_CONFIGURATOR_HANGS: '1', FAKE_CONFIGURATOR_CALLS: join(advisor.root, 'calls') };
    const session = start(advisor, onEight, { env, ownGroup: true });
    await expect.poll(() => readdirSync(advisor.root), { timeout: 20_000 }).toContain('calls');
    process.kill(-session.pid, 'SIGINT');
    const ended = await session.ended;
    expect([shellCode(ended), ended.stdout, ended.stderr]).toEqual([
      130,
      '',
      'stopped: nothing is left running\n',
    ]);
  });
});

test('without AIConfigurator: what is missing, and the command that installs it', async ({ world }) => {
  const { code, stderr } = await dynamo(world, onEight);
  expect([code, stderr]).toEqual([
    78,
    "error: `dynamo advise` needs NVIDIA's AIConfigurator, which is not installed.\nfix: dynamo setup --tool aiconfigurator\n",
  ]);
});

test('an existing file is not overwritten; bad flags are named', async ({ advisor }) => {
  writeFileSync(join(advisor.work, 'mine.yaml'), 'mine');
  const taken = await dynamo(advisor, [...onEight, '--write', 'mine.yaml']);
  expect([taken.code, taken.stderr]).toEqual([
    73,
    'error: mine.yaml exists already.\nfix: mv mine.yaml mine.yaml.old\n',
  ]);
  expect(readFileSync(join(advisor.work, 'mine.yaml'), 'utf8')).toBe('mine');
  for (const [more, message] of [
    [['--write', 'Mine.txt'], '--write "Mine.txt": expected a name such as my-model.yaml'],
    [['--rate', '5'], 'Use one of --gpus and --rate.'],
    [['--ttft', '20'], '--ttft "20": expected a time such as 20ms or 1.5s'],
    [['--namespace', 'x'], '--namespace has a meaning on Kubernetes only.'],
  ] as const) {
    const { code, stderr } = await dynamo(advisor, [...onEight, ...more]);
    expect([code, stderr]).toEqual([64, expect.stringContaining(message)]);
  }
  const nobody = await dynamo(advisor, words);
  expect([nobody.code, nobody.stderr]).toEqual([64, expect.stringContaining('this host has no NVIDIA GPU')]);
});
