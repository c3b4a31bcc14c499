/** Unusual or wrong profiles and options: used as intended, or rejected by name. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { environmentOf } from '../oracle/proc.ts';
import { dynamo, type Ended, succeed } from './harness/cli.ts';
import { pidOf, ps, up } from './harness/deployment.ts';
import { test, type World } from './harness/world.ts';

interface SeenPlan {
  readonly name: string;
  readonly http: { readonly host: string; readonly url: string };
  readonly model: { readonly path: string };
  readonly choices: readonly { readonly what: string; readonly value: string; readonly because: string }[];
  readonly processes: readonly { readonly name: string; readonly env: Readonly<Record<string, string>> }[];
}

function write(world: World, name: string, text = 'extends: agg\n'): string {
  writeFileSync(join(world.work, name), text);
  return `./${name}`;
}

async function planOf(world: World, ...words: string[]): Promise<SeenPlan> {
  return JSON.parse(
    (await succeed(world, ['plan', '--engine', 'sim', '--json', ...words])).stdout,
  ) as SeenPlan;
}

async function refused(world: World, code: number, ...words: string[]): Promise<Ended> {
  const ended = await dynamo(world, words);
  expect({ code: ended.code, stdout: ended.stdout }, `${words.join(' ')}\n${ended.stderr}`).toEqual({
    code,
    stdout: '',
  });
  expect(ended.stderr).not.toMatch(/^ {4}at /m);
  expect(ended.stderr).toMatch(/^fix: /m);
  return ended;
}

/** Both commands that check a profile before anything starts. */
async function refusedFile(world: World, file: string): Promise<string> {
  await refused(world, 65, 'profiles', 'validate', file);
  return (await refused(world, 65, 'plan', file, '--engine', 'sim')).stderr;
}

for (const [file, name] of [
  ['-dash.yaml', 'dash'],
  ['UPPER Case (2).yaml', 'uppercase2'],
  [`${'long_name_'.repeat(6)}.yaml`, 'long_name_'.repeat(4)],
] as const) {
  test(`a run named after ${file} starts and stops under that name`, async ({ world }) => {
    const path = write(world, file);
    const running = await up(world, path);
    expect(running.name).toBe(name);
    expect(running.notes).toMatch(new RegExp(`name +${name} +from `));
    expect((await ps(world)).map((run) => run.name)).toEqual([name]);
    await succeed(world, ['down', name]);
  });
}

test('a file name without a usable letter is refused, and --name helps', async ({ world }) => {
  const path = write(world, 'ä.yaml');
  const { stderr } = await refused(world, 64, 'up', path, '--engine', 'sim', '--detach');
  expect(stderr).toContain('ä.yaml');
  expect(stderr).toMatch(/^fix: --name NAME$/m);
  expect((await up(world, path, ['--name', 'mine'])).name).toBe('mine');
  await succeed(world, ['down', 'mine']);
  await succeed(world, ['exec', path, '--engine', 'sim', '--', 'env']);
});

const unspawnable: readonly (readonly [what: string, text: string, seen: RegExp])[] = [
  ['a NUL in a variable', 'extends: agg\nenv: {A: "a\\0b"}\n', /:2:10: env\.A: contains a NUL/],
  [
    'a NUL in an argument',
    'extends: agg\ncomponents:\n  worker:\n    engineArgs:\n      sim: ["a\\0b"]\n',
    /:5:13: components\.worker\.engineArgs\.sim\.0: contains a NUL/,
  ],
  ['a NUL in a model', 'extends: agg\nparameters: {model: {default: "a\\0b"}}\n', /model: contains a NUL/],
  ['a NUL as it is', 'extends: agg\nenv: {A: "a\0b"}\n', /:2:10: env\.A: contains a NUL/],
  [
    'a variable that is too long',
    `extends: agg\nenv:\n  BIG: ${'x'.repeat(131_072 - 4)}\n`,
    /:3:8: env\.BIG: is 131073 bytes long/,
  ],
  [
    'an argument that is too long',
    `extends: agg\ncomponents: {worker: {engineArgs: {sim: [${'ä'.repeat(65_536)}]}}}\n`,
    /:2:42: components\.worker\.engineArgs\.sim\.0: is 131073 bytes long/,
  ],
];

for (const [what, text, seen] of unspawnable) {
  test(`${what} is rejected with its key, line and column`, async ({ world }) => {
    expect(await refusedFile(world, write(world, 'mine.yaml', text))).toMatch(seen);
  });
}

test('the longest variable that the kernel accepts reaches its process', async ({ world }) => {
  const value = 'x'.repeat(131_072 - 5);
  await up(world, write(world, 'mine.yaml', `extends: agg\nenv:\n  BIG: ${value}\n`));
  expect(environmentOf(await pidOf(world, 'worker')).get('BIG')).toBe(value);
  await succeed(world, ['down']);
});

test('variables that exceed the kernel limit together are rejected, naming the largest', async ({
  world,
}) => {
  const lines = Array.from({ length: 60 }, (_, i) => `  V${i}: ${'x'.repeat(16_000 * (i === 7 ? 8 : 6))}\n`);
  const halves = [lines.slice(0, 8), lines.slice(8, 16), lines.slice(16, 24)];
  let base = 'agg';
  for (const [i, half] of halves.entries()) {
    base = write(world, `part${i}.yaml`, `extends: ${base}\nenv:\n${half.join('')}`);
  }
  const ended = await dynamo(world, ['plan', base, '--engine', 'sim']);
  expect(ended.code).toBe(78);
  expect(ended.stderr).toMatch(/variables of frontend take \d+ KiB; the limit on this host is \d+ KiB/);
  expect(ended.stderr).toMatch(/^ {2}V7: 126 KiB$/m);
});

test('a model that is a local folder is that folder, and the plan says so if it could be another', async ({
  world,
}) => {
  const folder = join(world.work, 'models', 'tiny');
  mkdirSync(folder, { recursive: true });
  for (const typed of ['models/tiny', 'models/tiny/', './models/tiny', folder]) {
    const plan = await planOf(world, 'agg', '--model', typed);
    expect(plan.model.path, typed).toBe(folder);
    const said = plan.choices.filter(({ what }) => what === 'model').map(({ because }) => because);
    expect(said.join('\n'), typed).toMatch(typed === 'models/tiny' ? /is a folder here/ : /^$/);
  }
  expect((await planOf(world, 'agg', '--model', 'other/tiny')).model.path).toBe('other/tiny');
});

test('a model path that does not exist is rejected with the nearest one that does', async ({ world }) => {
  mkdirSync(join(world.work, 'models', 'tiny'), { recursive: true });
  writeFileSync(join(world.work, 'file'), '');
  const rows: readonly (readonly [typed: string, fix: string])[] = [
    ['./models/tinny', `did you mean --model ${join(world.work, 'models', 'tiny')}?`],
    ['./modles/tiny', `did you mean --model ${join(world.work, 'models', 'tiny')}?`],
    ['~/x', `ls ${world.env['HOME']} `],
    ['/a/path/not/there', 'ls / '],
    ['./file/tiny', `ls ${world.work} `],
    ['models/a/tiny', `ls ${join(world.work, 'models')} `],
    ['models/absent/', `ls ${join(world.work, 'models')} `],
  ];
  for (const [typed, fix] of rows) {
    const { stderr } = await refused(world, 64, 'plan', 'agg', '--engine', 'sim', '--model', typed);
    expect(stderr).toContain(`--model ${typed}: there is no folder`);
    expect(stderr).toContain(`fix: ${fix}`);
    const file = write(world, 'mine.yaml', `extends: agg\nparameters: { model: { default: ${typed} } }\n`);
    const { stderr: told } = await refused(world, 65, 'profiles', 'validate', file);
    expect(told).toMatch(/mine\.yaml:2:\d+: model: there is no folder/);
  }
});

test('anchors, merge keys and x- keys work as in compose files', async ({ world }) => {
  const file = write(
    world,
    'mine.yaml',
    `x-common: &common
  env: &env { DYN_LOG: debug, SGLANG_A: one }
x-more: &more { SGLANG_B: two, SGLANG_A: never }
extends: disagg
env: { <<: *env }
components:
  prefill:
    env:
      SGLANG_A: own
      <<: [*env, *more]
  decode: { <<: *common }
`,
  );
  await succeed(world, ['profiles', 'validate', file]);
  const { processes } = await planOf(world, file);
  const envOf = (name: string) => processes.find((each) => each.name === name)?.env;
  expect(envOf('frontend')).toMatchObject({ DYN_LOG: 'debug', SGLANG_A: 'one' });
  expect(envOf('prefill')).toMatchObject({ DYN_LOG: 'debug', SGLANG_A: 'own', SGLANG_B: 'two' });
  expect(envOf('decode')).toMatchObject({ DYN_LOG: 'debug', SGLANG_A: 'one' });
});

test('an error in a merged mapping is reported where it is written, an impossible merge where it is used', async ({
  world,
}) => {
  const inside = write(
    world,
    'a.yaml',
    `x-w: &w\n  pagesize: 1\nextends: agg\ncomponents: { worker: { <<: *w } }\n`,
  );
  expect(await refusedFile(world, inside)).toMatch(/a\.yaml:2:3: components\.worker\.pagesize: unknown key/);
  const text = write(world, 'b.yaml', 'extends: agg\ncomponents:\n  worker:\n    <<: agg\n');
  expect(await refusedFile(world, text)).toMatch(/b\.yaml:4:9: << merges mappings, got "agg"/);
});

for (const [name, words] of [
  ['--http-port', (value: string) => ['plan', 'agg', '--engine', 'sim', '--http-port', value]],
  ['a parameter', (value: string) => ['plan', 'agg', '--engine', 'sim', '--set', `httpPort=${value}`]],
  ['a key', (value: string) => ['plan', 'agg', '--set', `components.worker.replicas=${value}`]],
  ['--replicas', (value: string) => ['plan', 'agg', '--replicas', `worker=${value}`]],
  ['--log-limit', (value: string) => ['plan', 'agg', '--log-limit', value]],
  ['--timeout', (value: string) => ['wait', '--timeout', value]],
  ['--repeat', (value: string) => ['smoke', 'agg', '--engine', 'sim', '--repeat', value]],
  ['--tail', (value: string) => ['logs', '--tail', value]],
  ['--pid', (value: string) => ['clean', '--pid', value]],
] as const) {
  test(`${name} accepts only decimal digits`, async ({ world }) => {
    for (const value of ['0x2', '1e1', ' 2', '+2', '']) await refused(world, 64, ...words(value));
  });
}

test('an IPv6 address works with and without brackets', async ({ world }) => {
  for (const typed of ['[::1]', '::1', '0:0:0:0:0:0:0:1']) {
    const running = await up(world, 'agg', ['--http-host', typed]);
    expect(running.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await fetch(`${running.url}/v1/models`)).status).toBe(200);
    await succeed(world, ['down']);
  }
});

test('an invalid listen address is rejected at the flag', async ({ world }) => {
  for (const typed of [
    'http://127.0.0.1',
    '127.0.0.1:80',
    '[127.0.0.1]',
    '[::1',
    '::1%lo',
    '',
    '0x7f000001',
    'a b',
  ])
    await refused(world, 64, 'plan', 'agg', '--engine', 'sim', '--http-host', typed);
});

test('a file that is not regular is listed and hides no other profile', async ({ world }) => {
  const folder = join(world.work, 'launch-profiles');
  mkdirSync(join(folder, 'folder.yaml'), { recursive: true });
  execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', join(folder, 'fifo.yaml')]);
  writeFileSync(join(folder, 'huge.yaml'), Buffer.alloc(1024 * 1024 + 1, '#'));
  writeFileSync(join(folder, 'good.yaml'), 'extends: agg\ndescription: Good\naliases: [better]\n');
  const server = createServer().listen(join(folder, 'socket.yaml'));
  try {
    const list = await succeed(world, ['profiles', 'list']);
    const seen = [
      ['fifo', 'a FIFO'],
      ['folder', 'a folder'],
      ['socket', 'a socket'],
    ] as const;
    for (const [name, kind] of seen) {
      expect(list.stdout).toMatch(new RegExp(`^${name} .*is ${kind}, not a profile file`, 'm'));
      const { stderr } = await refused(world, 65, 'plan', name, '--engine', 'sim');
      expect(stderr).toContain(`launch-profiles/${name}.yaml is ${kind}`);
      await refused(world, 65, 'profiles', 'validate', `./launch-profiles/${name}.yaml`);
    }
    expect(list.stdout).toMatch(/^good .*Good$/m);
    expect((await planOf(world, 'better')).name).toBe('good');
    const { stderr } = await refused(world, 65, 'plan', 'huge', '--engine', 'sim');
    expect(stderr).toContain('huge.yaml is 1.0 MiB; the limit for a profile is 1 MiB');
    const file = write(world, 'mine.yaml', 'extends: ./launch-profiles/fifo.yaml\n');
    expect(await refusedFile(world, file)).toMatch(/mine\.yaml:1:10: extends: .*is a FIFO/);
  } finally {
    server.close();
  }
});

test('a text set with --set is that text, whatever it means in YAML', async ({ world }) => {
  const texts = ['---', 'null', '~', '- a', 'true', '1.10', '0x10', '[a', '{}', '"quoted"', '# x', ''];
  for (const value of texts) {
    const { processes } = await planOf(world, 'agg', '--set', `env.DYN_X=${value}`);
    expect(processes[0]?.env['DYN_X'], value).toBe(value);
  }
  const { stderr } = await refused(
    world,
    64,
    'plan',
    'agg',
    '--engine',
    'sim',
    '--set',
    'components.worker.replicas=---',
  );
  expect(stderr).toContain('expected integer from 1 to 10000, got string "---"');
});

test('the plan rejects requests over NATS on sim, with a fix', async ({ world }) => {
  const { stderr } = await refused(world, 64, 'plan', 'agg', '--engine', 'sim', '--request-plane', 'nats');
  expect(stderr).toContain('The engine sim does not support the request plane nats');
  expect(stderr).toMatch(/^fix: --request-plane tcp/m);
});
