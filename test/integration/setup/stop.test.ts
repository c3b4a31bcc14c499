/** Interrupted `dynamo setup`: signals, crashes, failing installers; and removal. */
import { existsSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { dynamo, start, startCommand, succeed } from '../../e2e/harness/cli.ts';
import { until } from '../../support/until.ts';
import { test, type World } from '../../e2e/harness/world.ts';
import { isLiving } from '../../oracle/proc.ts';
import { fakeInstaller } from '../../support/fake-uv.ts';

const command = ['setup', '--engine', 'mocker', '--version', '1.1.1'];

const envsOf = (world: World): string => join(world.env['HOME'] ?? '', '.local/share/dynamo/envs');

async function states(world: World): Promise<Record<string, string>> {
  const { stdout } = await succeed(world, ['setup', 'list', '--json']);
  const { setups } = JSON.parse(stdout) as { setups: { name: string; state: string }[] };
  return Object.fromEntries(setups.map(({ name, state }) => [name, state]));
}

test.for([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)(
  '%s ends the installer and its children, and the same command resumes',
  async ([signal, exitCode], { world }) => {
    const fake = fakeInstaller(world.bin, world.config, ['uv']);
    fake.set('hang');
    const session = start(world, command);
    const pids = await until('the installer', () => fake.hanging());
    session.child.kill(signal);
    const { code, stderr, stdout } = await session.ended;
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    expect(stderr).toContain('stopped: nothing is left running; run the same command again to continue');
    expect(pids.filter(isLiving)).toEqual([]);
    expect(await states(world)).toEqual({ 'mocker-1.1.1': 'unfinished' });
    expect((await succeed(world, ['setup', 'list'])).stderr).toContain('mocker: none found');

    rmSync(join(world.config, 'hang'));
    expect((await succeed(world, command)).stdout).toContain('mocker-1.1.1 is ready');
    expect(await states(world)).toEqual({ 'mocker-1.1.1': 'complete' });
    // Incomplete files of the first one are not reused.
    const packages = readdirSync(join(envsOf(world), 'mocker-1.1.1/lib/python3.12/site-packages'));
    expect(packages).toEqual(['ai_dynamo-1.1.1.dist-info']);
  },
);

test('while the installer of a killed set-up runs, the next set-up exits with 75 and its pid', async ({
  world,
}) => {
  const fake = fakeInstaller(world.bin, world.config, ['uv']);
  fake.set('hang');
  const session = start(world, command);
  const [uv = 0, child = 0] = await until('the installer', () => fake.hanging());
  session.child.kill('SIGKILL');
  await session.ended;
  expect(isLiving(uv)).toBe(true);
  rmSync(join(world.config, 'hang'));
  const second = await dynamo(world, command);
  expect(second.code).toBe(75);
  expect(second.stderr).toContain(`fix: kill ${uv}   # or wait until it has ended`);
  for (const pid of [uv, child]) process.kill(pid, 'SIGKILL');
  await until('the installer to be gone', () => !isLiving(uv));
  expect((await succeed(world, command)).stdout).toContain('is ready');
});

test('a failed installation leaves only its log and reports why', async ({ world }) => {
  const fake = fakeInstaller(world.bin, world.config, ['uv']);
  fake.set('fail', 'error: Failed to fetch: https://example.invalid/simple/\n  cause: dns error');
  const { code, stderr } = await dynamo(world, command);
  expect(code).toBe(69);
  expect(stderr).toContain('could not be installed: the package registry cannot be reached.');
  expect(stderr).toContain('dns error');
  expect(stderr).toMatch(/^fix: dynamo setup --engine mocker --version 1\.1\.1 /m);
  expect(existsSync(join(envsOf(world), 'mocker-1.1.1'))).toBe(false);
  expect(existsSync(join(envsOf(world), '../logs/mocker-1.1.1.log'))).toBe(true);
});

test('an environment in use is not removed', async ({ world }) => {
  fakeInstaller(world.bin, world.config, ['uv']);
  await succeed(world, command);
  const program = join(envsOf(world), 'mocker-1.1.1', 'bin', 'node');
  symlinkSync(process.execPath, program);
  const user = startCommand(world, [program, '-e', 'setInterval(() => {}, 1000); console.log("up")']);
  await user.until(/up/);
  const { code, stderr } = await dynamo(world, ['setup', 'remove', 'mocker-1.1.1']);
  expect(code).toBe(75);
  expect(stderr).toContain(`${user.pid}  ${program} -e`);
  expect(await states(world)).toEqual({ 'mocker-1.1.1': 'complete' });
  user.child.kill();
  await user.ended;
});

test('remove deletes the environment completely', async ({ world }) => {
  fakeInstaller(world.bin, world.config, ['uv']);
  await succeed(world, [...command, '--infra']);
  const removed = await succeed(world, ['setup', 'remove', 'mocker-1.1.1', 'infra']);
  expect(removed.stderr).toMatch(/^removed mocker-1\.1\.1 .*\nremoved infra /m);
  expect(existsSync(join(envsOf(world), 'mocker-1.1.1'))).toBe(false);
  expect(await states(world)).toEqual({});
  expect((await succeed(world, ['setup', 'remove', '--all'])).stderr).toContain('nothing to remove');
});
