/** The GitHub Action and the GitLab template: their shell scripts run as in those systems. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { readXml } from '../support/xml.ts';
import { type Ended, packageFolder, startCommand } from './harness/cli.ts';
import { faulty } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { standIn, test, type World } from './harness/world.ts';

interface Step {
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Action {
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly inputs: Readonly<Record<string, { readonly default: string }>>;
  readonly runs: { readonly steps: readonly Step[] };
}

interface Gitlab {
  readonly '.dynamo-smoke': {
    readonly variables: Readonly<Record<string, string>>;
    readonly before_script: readonly string[];
    readonly script: readonly string[];
  };
}

function read(file: string): unknown {
  return parse(readFileSync(join(packageFolder, file), 'utf8'));
}

/** Runs a line as the shell of the CI system does, with these variables. */
async function shell(
  world: World,
  line: string,
  variables: Readonly<Record<string, string>>,
): Promise<Ended> {
  standIn(world, 'dirname', '#!/bin/sh\necho "${1%/*}"\n');
  const env = { DYN_HTTP_PORT: String(await freePort()), ...variables };
  return await startCommand(world, ['bash', '-e', '-c', line], { env }).ended;
}

function casesOf(world: World, folder: string): (string | undefined)[] {
  const report = readXml(readFileSync(join(world.work, folder, 'junit.xml'), 'utf8'));
  return report.children.map(({ attributes }) => `${attributes['name']} ${attributes['failures']}`);
}

/** The package of this checkout; npm and what it needs are on PATH. */
async function packed(world: World): Promise<string> {
  for (const tool of ['mktemp', 'rm', 'tee', 'uname'])
    if (!existsSync(join(world.bin, tool))) symlinkSync(join('/usr/bin', tool), join(world.bin, tool));
  standIn(world, 'npm', `#!/bin/sh\nexec "${join(dirname(process.execPath), 'npm')}" "$@"\n`);
  const words = [process.execPath, 'scripts/package.js', '--out', world.root];
  const { code, stdout, stderr } = await startCommand(world, words, { cwd: packageFolder }).ended;
  if (code !== 0) throw new Error(`scripts/package.js:\n${stdout}\n${stderr}`);
  return stdout.trim();
}

interface Acted {
  readonly ended: readonly Ended[];
  /** By name, as action.yml declares them. */
  readonly outputs: Readonly<Record<string, string | undefined>>;
}

/** Lines of `name=value`, as steps write them for later ones. */
function pairsIn(file: string): Record<string, string> {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/** Runs the shell steps of action.yml with these inputs, as GitHub does. */
async function runAction(world: World, given: Readonly<Record<string, string>>): Promise<Acted> {
  const { inputs, outputs, runs } = read('action.yml') as Action;
  const valueOf = (expression: string): string =>
    expression
      .replaceAll(
        /\$\{\{ inputs\.([\w-]+) \}\}/g,
        (_, name: string) => given[name] ?? inputs[name]?.default ?? '',
      )
      .replace('${{ github.action_repository }}', given['repository'] ?? '');
  const at = (name: string): string => join(world.root, `github-${name}`);
  const ended: Ended[] = [];
  for (const { run, env = {} } of runs.steps) {
    if (run === undefined || ended.some(({ code }) => code !== 0)) continue;
    const own = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, valueOf(value)]));
    const github = {
      GITHUB_ACTION_PATH: packageFolder.replace(/\/$/, ''),
      GITHUB_OUTPUT: at('output'),
      GITHUB_ENV: at('env'),
      GITHUB_PATH: at('path'),
      RUNNER_TEMP: world.root,
      GITHUB_SERVER_URL: given['server'] ?? 'https://github.com',
    };
    ended.push(await shell(world, run, { ...github, ...pairsIn(at('env')), ...own }));
  }
  const set = pairsIn(at('output'));
  const named = Object.entries(outputs).map(([name, { value }]) => [
    name,
    set[/outputs\.(\w+) \}\}$/.exec(value)?.[1] ?? ''],
  ]);
  return { ended, outputs: Object.fromEntries(named) as Acted['outputs'] };
}

test('every action that is used is pinned to a commit', () => {
  const files = ['action.yml', ...['ci', 'release', 'action'].map((name) => `.github/workflows/${name}.yml`)];
  const used = files.flatMap((file) => [
    ...readFileSync(join(packageFolder, file), 'utf8').matchAll(/uses: (\S+)(.*)/g),
  ]);
  expect(used.length).toBeGreaterThan(8);
  for (const [line, name = '', remark = ''] of used) {
    if (name !== './')
      expect(`${name}${remark}`, line).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  }
});

test(
  'the action: installs the package, tests, and sets its outputs',
  { timeout: 180_000 },
  async ({ world }) => {
    const tarball = await packed(world);
    const { ended, outputs } = await runAction(world, {
      package: tarball,
      profiles: 'agg embeddings',
      args: '--parallel 2',
      timeout: '50',
    });
    expect(ended.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual([0, 0]);
    expect(outputs).toEqual({
      passed: 'true',
      junit: 'dynamo-smoke/junit.xml',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
    expect(casesOf(world, 'dynamo-smoke')).toEqual(['agg 0', 'embeddings 0']);
    expect(existsSync(join(world.work, 'dynamo-smoke/agg/logs/worker.log'))).toBe(true);
  },
);

test('the action fails when a request fails', { timeout: 180_000 }, async ({ world }) => {
  const broken = faulty(world, 'agg', { frontend: ['--fault', 'usage'] });
  const tarball = await packed(world);
  const { ended, outputs } = await runAction(world, {
    package: tarball,
    profiles: broken,
    results: 'elsewhere',
  });
  expect(ended.map(({ code }) => code)).toEqual([0, 1]);
  expect(outputs).toMatchObject({ passed: 'false', junit: 'elsewhere/junit.xml' });
  expect(casesOf(world, 'elsewhere')).toEqual(['faulty 1']);
});

test(
  'the action of another repository installs the package of its release, if its checksum matches',
  { timeout: 180_000 },
  async ({ world }) => {
    const tarball = await packed(world);
    symlinkSync('/usr/bin/sha256sum', join(world.bin, 'sha256sum'));
    const content = readFileSync(tarball);
    const sums = `${createHash('sha256').update(content).digest('hex')}  ${basename(tarball)}\n`;
    let served = content;
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end(request.url?.endsWith('/SHA256SUMS') === true ? sums : served);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const given = { repository: 'acme/dynamo', server: address, profiles: 'agg' };
    try {
      served = Buffer.from('something else');
      expect((await runAction(world, given)).ended.map(({ code }) => code === 0)).toEqual([false]);
      served = content;
      expect((await runAction(world, given)).ended.map(({ code }) => code)).toEqual([0, 0]);
    } finally {
      server.close();
    }
    expect(asked[0]).toMatch(/^\/acme\/dynamo\/releases\/download\/v\d+\.\d+\.\d+\/dynamo-launcher-/);
  },
);

test(
  'the GitLab template needs no other file of this repository',
  { timeout: 180_000 },
  async ({ world }) => {
    const { variables, before_script: before, script } = (read('ci/gitlab.yml') as Gitlab)['.dynamo-smoke'];
    const tarball = await packed(world);
    const global = { npm_config_prefix: join(world.root, 'global') };
    const env = { ...variables, ...global, DYNAMO_PACKAGE: tarball, DYNAMO_PROFILES: 'disagg' };
    const { code, stderr } = await shell(world, [...before, ...script].join('\n'), env);
    expect({ code }, stderr).toEqual({ code: 0 });
    expect(casesOf(world, 'dynamo-smoke')).toEqual(['disagg 0']);
  },
);
