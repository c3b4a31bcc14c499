/** The single executable in an empty folder, on a host without Node or our package. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect } from 'vitest';
import { type Ended, packageFolder, startCommand } from '../../e2e/harness/cli.ts';
import { clientOf, type RunRow, type Up } from '../../e2e/harness/deployment.ts';
import { freePort } from '../../e2e/harness/ports.ts';
import { until } from '../../support/until.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { leftovers, markVariable } from '../../oracle/leftovers.ts';

const buildMs = 180_000;

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build-binary.js'], { cwd: packageFolder, stdio: 'inherit' });
}, buildMs);

type Binary = (...words: string[]) => Promise<Ended>;

/** Its environment is empty, except for the state folder of this test; PATH names a missing folder. */
function install(world: World): Binary {
  const file = fileOf(world);
  copyFileSync(join(packageFolder, 'dist-binary', 'dynamo'), file);
  const variables = Object.entries({
    PATH: '/nonexistent',
    XDG_STATE_HOME: world.state,
    XDG_RUNTIME_DIR: world.runtime,
    [markVariable]: world.mark,
  }).map(([name, value]) => `${name}=${value}`);
  return async (...words) =>
    await startCommand(world, ['/usr/bin/env', '-i', ...variables, file, ...words]).ended;
}

function fileOf(world: World): string {
  return join(world.work, 'dynamo');
}

async function succeed(binary: Binary, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await binary(...words);
  expect(code, `${words.join(' ')}:\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

async function up(binary: Binary, profile: string): Promise<Up> {
  const port = String(await freePort());
  const words = ['up', profile, '--detach', '--json', '--engine', 'sim', '--http-port', port];
  return JSON.parse(await succeed(binary, ...words)) as Up;
}

async function only(binary: Binary): Promise<RunRow> {
  const { runs } = JSON.parse(await succeed(binary, 'ps', '--json')) as { runs: RunRow[] };
  const [run, ...others] = runs;
  if (run === undefined || others.length > 0) throw new Error(`${runs.length} runs are up`);
  return run;
}

test('starts a deployment that answers, by itself, and stops it', async ({ world }) => {
  const binary = install(world);
  const { url, model } = await up(binary, 'disagg');
  const messages = [{ role: 'user' as const, content: 'Hello!' }];
  const answer = await clientOf(url).chat.completions.create({ model, messages, max_tokens: 4 });
  expect(answer.usage?.completion_tokens).toBe(4);
  const { supervisorPid, processes } = await only(binary);
  const programs = [supervisorPid, ...processes.map(({ pid }) => pid)].map((pid) =>
    readlinkSync(`/proc/${pid}/exe`),
  );
  expect(programs).toEqual(Array.from({ length: 4 }, () => fileOf(world)));
  await succeed(binary, 'down');
  expect(leftovers(world)).toEqual([]);
});

test('its keeper ends everything when the supervisor is killed', async ({ world }) => {
  const binary = install(world);
  await up(binary, 'disagg');
  const { supervisorPid } = await only(binary);
  process.kill(supervisorPid, 'SIGKILL');
  await until('nothing is left', () => leftovers(world).length === 0);
  expect(await succeed(binary, 'ps')).toBe('');
  await succeed(binary, 'clean');
});

test('doctor checks the host, smoke sends every request', async ({ world }) => {
  const binary = install(world);
  const { checks } = JSON.parse((await binary('doctor', 'agg', '--engine', 'sim', '--json')).stdout) as {
    checks: { id: string; status: string }[];
  };
  expect(checks.length).toBeGreaterThan(20);
  expect(checks.filter(({ id }) => id === 'D29')).toMatchObject([{ status: 'ok' }]);
  await succeed(binary, 'smoke', 'agg', '--engine', 'sim', '--set', `httpPort=${await freePort()}`);
});

test('its files are those of the package, even after half of them were lost', async ({ world }) => {
  const binary = install(world);
  // Several at once: each must find all files complete.
  await Promise.all(['disagg', 'agg', 'video'].map((name) => succeed(binary, 'profiles', 'show', name)));
  const [digest = ''] = readdirSync(join(world.state, 'dynamo', 'shipped'));
  const folder = join(world.state, 'dynamo', 'shipped', digest);
  const expectWhole = (): void => {
    for (const place of ['launch-profiles', 'assets/tokenizer']) {
      const names = readdirSync(join(packageFolder, place));
      expect(readdirSync(join(folder, place)).toSorted()).toEqual(names.toSorted());
      for (const name of names) {
        const [here, there] = [packageFolder, folder].map((root) =>
          readFileSync(join(root, place, name), 'utf8'),
        );
        expect(there, name).toBe(here);
      }
    }
  };
  expectWhole();
  writeFileSync(join(folder, 'launch-profiles', 'agg.yaml'), 'description: half a');
  rmSync(join(folder, 'assets'), { recursive: true });
  await succeed(binary, 'profiles', 'show', 'disagg');
  expectWhole();
});

test('suggests what to do if it cannot unpack its files', async ({ world }) => {
  const binary = install(world);
  mkdirSync(join(world.state, 'dynamo'));
  writeFileSync(join(world.state, 'dynamo', 'shipped'), 'in the way');
  const { code, stderr } = await binary('profiles', 'list');
  expect(code).toBe(73);
  expect(stderr).toContain('XDG_STATE_HOME');
});
