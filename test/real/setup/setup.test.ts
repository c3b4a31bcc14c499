/** `dynamo setup` with the real uv, pip and PyPI: the mocker, etcd and NATS, installed, used and removed. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { start, succeed } from '../../e2e/harness/cli.ts';
import { until } from '../../support/until.ts';
import { test, type World } from '../../e2e/harness/world.ts';

/** Including downloads on a slow network. */
const limitMs = 300_000;

const command = ['setup', '--engine', 'mocker', '--version', '1.1.1'];

/** A uv for the tests that are not about installing one. */
let uvFolder = '';

beforeAll(() => {
  const folder = mkdtempSync(join(tmpdir(), 'dynamo-test-uv-'));
  execFileSync('python3', ['-m', 'venv', join(folder, 'venv')]);
  execFileSync(join(folder, 'venv/bin/python3'), ['-m', 'pip', 'install', '--quiet', 'uv==0.13.9']);
  uvFolder = join(folder, 'bin');
  mkdirSync(uvFolder);
  symlinkSync(join(folder, 'venv/bin/uv'), join(uvFolder, 'uv'));
}, limitMs);

afterAll(() => rmSync(join(uvFolder, '..'), { recursive: true, force: true }));

/** Tools, registry and certificates of this machine; folders of the test. Downloads are shared with the user. */
function realEnv(world: World): Record<string, string> {
  const own = Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined &&
        !/^(XDG_|VIRTUAL_ENV|CONDA_PREFIX|DYNAMO_|NODE_OPTIONS|VITEST)/.test(entry[0]),
    ),
  );
  const cache = process.env['UV_CACHE_DIR'] ?? join(homedir(), '.cache', 'uv');
  return { ...own, ...world.env, PATH: `${uvFolder}:${process.env['PATH']}`, UV_CACHE_DIR: cache };
}

const dataOf = (world: World): string => join(world.env['HOME'] ?? '', '.local/share/dynamo');

interface List {
  readonly setups: readonly { readonly name: string; readonly state: string; readonly bytes: number }[];
  readonly taken: { readonly mocker?: { readonly folder: string; readonly dynamoVersion: string } };
}

async function list(world: World, env: Record<string, string>): Promise<List> {
  return JSON.parse((await succeed(world, ['setup', 'list', '--json'], { env })).stdout) as List;
}

test(
  'Dynamo 1.1.1 is installed, found, runs, is not installed twice, and is removed',
  { timeout: limitMs },
  async ({ world }) => {
    // Without uv, unless this machine has one.
    const env = { ...realEnv(world), PATH: process.env['PATH'] ?? '' };
    const { stdout, stderr } = await succeed(world, command, { env });
    expect(stdout).toMatch(
      /mocker-1\.1\.1 is ready: Dynamo 1\.1\.1, Python 3\.1\d\.\d+, \d{3} MB, installed in /,
    );
    expect(stderr).toMatch(/^packages: ai-dynamo==1\.1\.1 and its dependencies, \d+ packages \[/m);
    const folder = join(dataOf(world), 'envs/mocker-1.1.1');
    const { setups, taken } = await list(world, env);
    expect(setups).toMatchObject([{ name: 'mocker-1.1.1', state: 'complete' }]);
    expect(setups[0]?.bytes).toBeGreaterThan(200e6);
    expect(taken.mocker).toMatchObject({ folder, dynamoVersion: '1.1.1' });
    const help = execFileSync(join(folder, 'bin/python3'), ['-m', 'dynamo.frontend', '--help'], { cwd: '/' });
    expect(help.toString()).toContain('--router-mode');
    expect((await succeed(world, command, { env })).stdout).toContain('is already installed');
    await succeed(world, ['setup', 'remove', 'mocker-1.1.1'], { env });
    expect(existsSync(folder)).toBe(false);
  },
);

test(
  'Ctrl-C during an installation ends everything, and the same command completes it',
  { timeout: limitMs },
  async ({ world }) => {
    const env = realEnv(world);
    const session = start(world, command, { env });
    await until('packages', () => /^environment: /m.test(session.stderr()), limitMs);
    session.child.kill('SIGINT');
    expect((await session.ended).code).toBe(130);
    expect((await list(world, env)).setups).toMatchObject([{ state: 'unfinished' }]);
    await succeed(world, command, { env });
    expect((await list(world, env)).setups).toMatchObject([{ state: 'complete' }]);
  },
);

test('1.6.1 resolves with the overrides that are shown', { timeout: limitMs }, async ({ world }) => {
  const env = realEnv(world);
  const { stdout, stderr } = await succeed(world, ['setup', '--engine', 'mocker', '--version', '1.6.1'], {
    env,
  });
  expect(stderr).toContain('certifi>=2025');
  expect(stdout).toMatch(/mocker-1\.6\.1 is ready: Dynamo 1\.6\.1/);
});

test(
  'an unpublished version exits with 64 and the message of the registry',
  { timeout: limitMs },
  async ({ world }) => {
    const { ended } = start(world, ['setup', '--engine', 'mocker', '--version', '1.1.99'], {
      env: realEnv(world),
    });
    const { code, stderr } = await ended;
    expect(code).toBe(64);
    expect(stderr).toContain('the registry has no such version of Dynamo.');
    expect(stderr).toContain('there is no version of ai-dynamo==1.1.99');
  },
);

test('the installed etcd and NATS run', { timeout: limitMs }, async ({ world }) => {
  const env = realEnv(world);
  await succeed(world, ['setup', '--infra'], { env });
  const bin = join(dataOf(world), 'infra/bin');
  expect(readdirSync(bin).toSorted()).toEqual(['etcd', 'nats-server']);
  const version = (name: string): string => execFileSync(join(bin, name), ['--version']).toString();
  expect(version('etcd')).toContain('etcd Version: 3.5.1');
  expect(version('nats-server')).toContain('v2.15.1');
});
