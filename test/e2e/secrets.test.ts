/** Secrets, and values not known to be harmless, reach their process and are shown nowhere. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { markVariable } from '../oracle/leftovers.ts';
import { argvOf, childrenOf, environmentOf, livingProcesses } from '../oracle/proc.ts';
import { dynamo, startCommand, succeed } from './harness/cli.ts';
import { pidOf, ps, textBelow, up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { test, type World } from './harness/world.ts';

/** Names not known to be harmless, and values without a recognizable shape. */
const secrets = {
  shared: 'shared-value-1',
  prefill: 'prefill-value-2',
  decode: 'decode-value-3',
  argument: 'argument-value-4',
  address: 'address-value-5',
  bearer: 'bearer-value-6',
  option: 'option-value-7',
  raw: 'raw-value-8',
};

const profile = `extends: disagg
env:
  COMPANY_LOGIN: ${secrets.shared}
  DYN_LOG: debug
components:
  prefill:
    env: { LICENCE: ${secrets.prefill}, SGLANG_ROUTE: http://me:${secrets.address}@127.0.0.1/x }
  decode:
    env: { LICENCE: ${secrets.decode} }
    engineArgs:
      sim: [--api-key, ${secrets.argument}, "--header=Authorization: Bearer ${secrets.bearer}"]
`;

function written(world: World, text = profile): string {
  writeFileSync(join(world.work, 'mine.yaml'), text);
  return './mine.yaml';
}

const given = ['--env', `SEAT=${secrets.option}`];

function expectNone(text: string): void {
  for (const value of Object.values(secrets)) expect(text).not.toContain(value);
}

test('every process gets exactly its own secrets; none is in a file or output', async ({ world }) => {
  const file = written(world);
  const { notes } = await up(world, file, [...given, '--', '--admin-token', secrets.raw]);
  const [prefill, decode, frontend] = [
    await pidOf(world, 'prefill'),
    await pidOf(world, 'decode'),
    await pidOf(world, 'frontend'),
  ];
  expect(variableOf(prefill, 'LICENCE')).toBe(secrets.prefill);
  expect(variableOf(decode, 'LICENCE')).toBe(secrets.decode);
  expect(variableOf(frontend, 'LICENCE')).toBeUndefined();
  for (const pid of [prefill, decode, frontend]) {
    expect(variableOf(pid, 'COMPANY_LOGIN')).toBe(secrets.shared);
    expect(variableOf(pid, 'SEAT')).toBe(secrets.option);
    expect([...environmentOf(pid).keys()].filter((name) => name.startsWith('DYNAMO_SECRET'))).toEqual([]);
  }
  expect(variableOf(prefill, 'SGLANG_ROUTE')).toBe(`http://me:${secrets.address}@127.0.0.1/x`);
  const argv = argvOf(decode);
  expect(argv[argv.indexOf('--api-key') + 1]).toBe(secrets.argument);
  expect(argv).toContain(`--header=Authorization: Bearer ${secrets.bearer}`);
  expect(argv[argv.indexOf('--admin-token') + 1]).toBe(secrets.raw);
  // A restarted process has the same supervisor.
  await succeed(world, ['restart', 'decode']);
  expect(variableOf(await pidOf(world, 'decode'), 'LICENCE')).toBe(secrets.decode);
  const [run] = await ps(world);
  // They are in the environment of the supervisor, and not in that of its other children.
  const carriers = livingProcesses().filter(
    ({ pid }) => variableOf(pid, markVariable) === world.mark && environmentOf(pid).has('DYNAMO_SECRETS_0'),
  );
  expect(carriers.map(({ pid }) => pid)).toEqual([run?.supervisorPid]);
  const plan = readFileSync(join(run?.logs ?? '', '..', 'plan.json'), 'utf8');
  expect(plan).toContain('"COMPANY_LOGIN": "***"');
  expect(plan).toContain('"DYN_LOG": "debug"');
  const shown = [notes];
  for (const words of [['ps', '--all'], ['ps', '--json'], ['logs', '--tail', 'all'], ['down']]) {
    const { stdout, stderr } = await succeed(world, words);
    shown.push(stdout, stderr);
  }
  expectNone(shown.join('\n'));
  expectNone(textBelow(world.state));
});

test('every form of plan, and profiles show, print names and only values known to be harmless', async ({
  world,
}) => {
  const file = written(world);
  const words = ['plan', file, '--engine', 'sim', ...given];
  const raw = ['--', '--admin-token', secrets.raw];
  const tree = await succeed(world, [...words, ...raw]);
  const json = await succeed(world, [...words, '--json', ...raw]);
  const shell = await succeed(world, [...words, '--shell', ...raw]);
  const page = await succeed(world, ['profiles', 'show', file]);
  const pageJson = await succeed(world, ['profiles', 'show', file, '--json']);
  for (const { stdout, stderr } of [tree, json, shell, page, pageJson]) expectNone(stdout + stderr);
  for (const text of [tree.stdout, json.stdout, shell.stdout, pageJson.stdout]) {
    expect(text).toMatch(/COMPANY_LOGIN/);
    expect(text).toMatch(/DYN_LOG"?[=:] ?"?debug/);
  }
  expect(tree.stdout).toContain('LICENCE=***');
  expect(tree.stdout).toContain('--api-key ***');
  expect(tree.stdout).toContain('http://me:***@127.0.0.1/x');
  expect(pageJson.stdout).toContain('"LICENCE": "***"');
});

test('the script needs its secrets, gives each process its own, and lists missing ones', async ({
  world,
}) => {
  const port = await freePort();
  const file = written(world);
  const words = ['plan', file, '--engine', 'sim', '--http-port', String(port), '--shell'];
  const script = join(world.work, 'up.sh');
  writeFileSync(script, (await succeed(world, words)).stdout);
  const without = await startCommand(world, ['bash', script]).ended;
  expect(without.code).not.toBe(0);
  expect(without.stderr).toMatch(/DYNAMO_SECRET_COMPANY_LOGIN: .*COMPANY_LOGIN of frontend/);
  const env = {
    DYNAMO_SECRET_COMPANY_LOGIN: secrets.shared,
    DYNAMO_SECRET_LICENCE: "it's $HOME",
    DYNAMO_SECRET_LICENCE_2: secrets.decode,
    DYNAMO_SECRET_SGLANG_ROUTE: secrets.address,
    DYNAMO_SECRET_API_KEY: secrets.argument,
    DYNAMO_SECRET_HEADER: secrets.bearer,
  };
  const session = startCommand(world, ['bash', script], { ownGroup: true, env });
  await session.until(/"chat\.completion"/);
  const own = environmentOf(session.pid);
  expect(own.get('DYNAMO_SECRET_LICENCE')).toBe(env.DYNAMO_SECRET_LICENCE);
  const children = childrenOf(session.pid);
  const prefill = children.find((pid) => argvOf(pid).includes('prefill')) ?? 0;
  expect(environmentOf(prefill).get('LICENCE')).toBe("it's $HOME");
  expect(environmentOf(prefill).get('SGLANG_ROUTE')).toBe(`http://me:${secrets.address}@127.0.0.1/x`);
  for (const pid of children)
    expect([...environmentOf(pid).keys()].filter((name) => name.startsWith('DYNAMO_SECRET'))).toEqual([]);
  session.child.kill('SIGTERM');
  await session.ended;
});

const broken: readonly (readonly [what: string, text: string, seen: RegExp])[] = [
  ['a mapping of variables', `extends: agg\nenv:\n  A-B: ${secrets.shared}\n`, /A-B/],
  [
    'variables as in compose files',
    `extends: agg\nenv:\n  - LICENCE=${secrets.shared}\n`,
    /expected mapping/,
  ],
  ['a variable as text', `extends: agg\nenv: ${secrets.shared}\n`, /expected mapping/],
  ['a line that is no YAML', `extends: agg\nenv:\n  LICENCE: "${secrets.shared}\n`, /YAML/],
  ['a duplicate', `extends: agg\nenv: { A: ${secrets.shared}, A: ${secrets.decode} }\n`, /duplicate key A/],
  [
    'an argument',
    `extends: agg\ncomponents:\n  worker:\n    engineArgs:\n      sim: --api-key ${secrets.argument}\n`,
    /expected list/,
  ],
  [
    'an unknown key beside an argument',
    `extends: agg\ncomponents: { worker: { engineArgs: { simm: [--api-key, ${secrets.argument}] } } }\n`,
    /simm: unknown key/,
  ],
  [
    'a password in an address',
    `extends: agg\nmodl: http://me:${secrets.address}@host/x\n`,
    /modl: unknown key/,
  ],
];

for (const [what, text, seen] of broken) {
  test(`an error that shows its line shows no secret: ${what}`, async ({ world }) => {
    const file = written(world, text);
    for (const words of [
      ['profiles', 'validate', file],
      ['plan', file, '--engine', 'sim'],
    ]) {
      const { code, stdout, stderr } = await dynamo(world, words);
      expect(code).toBe(65);
      expectNone(stdout + stderr);
      expect(stderr).toMatch(seen);
      expect(stderr).toMatch(/mine\.yaml:\d+:\d+/);
    }
  });
}

test('errors about options do not repeat possible secrets', async ({ world }) => {
  const rows = [
    ['--env', `1BAD=${secrets.option}`],
    ['--set', `env.1BAD=${secrets.option}`],
    ['--set', `components.workr.env.LICENCE=${secrets.option}`],
    [`--api-key=${secrets.option}`],
    ['--set', `tracing=http://me:${secrets.option}@host`],
  ];
  for (const row of rows) {
    const { code, stdout, stderr } = await dynamo(world, ['plan', 'agg', '--engine', 'sim', ...row]);
    expect(code, row.join(' ')).toBe(64);
    expectNone(stdout + stderr);
    expect(stderr).toContain('***');
  }
});

test('the command line of another process on our port is shown without its secrets', async ({ world }) => {
  const port = await freePort();
  const program = `require('node:http').createServer().listen(${port}, '127.0.0.1', () => console.log('listens'))`;
  writeFileSync(join(world.work, 'o.cjs'), program);
  const other = startCommand(world, [process.execPath, 'o.cjs', '--api-key', secrets.argument]);
  await other.until(/listens/);
  const words = ['up', 'agg', '--engine', 'sim', '--http-port', String(port)];
  const { code, stderr } = await dynamo(world, words);
  expect(code).toBe(75);
  expect(stderr).toMatch(new RegExp(`pid ${other.pid} \\(.*--api-key \\*\\*\\*`));
  expectNone(stderr);
  other.child.kill('SIGKILL');
  await other.ended;
});

test('a password in --url is not repeated', async ({ world }) => {
  const url = `http://me:${secrets.address}@127.0.0.1:1`;
  for (const words of [
    ['smoke', '--url', url],
    ['chat', '--url', url],
    ['chat', 'agg', '--url', url],
    ['smoke', '--url', url.slice('http://'.length)],
  ]) {
    const { code, stdout, stderr } = await dynamo(world, words);
    expect(code).not.toBe(0);
    expectNone(stdout + stderr);
    expect(stderr).toContain('me:***@');
  }
});

test('the command of exec gets no secrets of the deployment', async ({ world }) => {
  const file = written(world);
  const { stdout } = await succeed(world, ['exec', file, '--engine', 'sim', ...given, '--', 'env']);
  expect(stdout).toContain('OPENAI_BASE_URL=');
  expectNone(stdout);
});

function variableOf(pid: number, name: string): string | undefined {
  return environmentOf(pid).get(name);
}
