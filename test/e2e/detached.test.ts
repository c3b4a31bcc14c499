/** Detached runs: started, listed, stopped by name, by id, and all at once. */
import { expect } from 'vitest';
import { isLiving } from '../oracle/proc.ts';
import { dynamo, start, succeed } from './harness/cli.ts';
import { clientOf, ps, up } from './harness/deployment.ts';
import { freePort } from './harness/ports.ts';
import { test } from './harness/world.ts';

test('`up -d` returns when everything runs, and `ps` shows it', async ({ world }) => {
  const { runId, url } = await up(world, 'disagg');
  const [run, ...others] = await ps(world);
  expect(others).toEqual([]);
  expect(run).toMatchObject({ runId, name: 'disagg', profile: 'disagg', state: 'ready', url });
  expect(run?.processes.map(({ name, state }) => [name, state])).toEqual([
    ['frontend', 'ready'],
    ['prefill', 'ready'],
    ['decode', 'ready'],
  ]);
  expect(run?.processes.every(({ pid }) => isLiving(pid ?? 0))).toBe(true);
  const { stdout } = await succeed(world, ['ps']);
  expect(stdout).toMatch(/^RUN +PROCESS +STATE/);
  expect(stdout).toMatch(/decode +ready +healthy +\d+/);
  await succeed(world, ['down']);
});

test('an ended run is shown by `ps --all` only', async ({ world }) => {
  const { runId } = await up(world, 'agg');
  await succeed(world, ['down']);
  expect(await ps(world)).toEqual([]);
  expect(await ps(world, '--all')).toMatchObject([
    { runId, state: 'stopped', processes: [{ state: 'stopped' }, { state: 'stopped' }] },
  ]);
  const { stdout, stderr } = await succeed(world, ['ps']);
  expect(stdout).toBe('');
  expect(stderr).toContain('no runs are up');
});

test('a foreground run is listed, and `down` in another terminal makes it exit with 0', async ({ world }) => {
  const port = String(await freePort());
  const session = start(world, ['up', 'agg', '--engine', 'sim', '--http-port', port]);
  await session.until(/is ready after/);
  expect(await ps(world)).toMatchObject([{ name: 'agg', state: 'ready', supervisorPid: session.pid }]);
  await succeed(world, ['down', 'agg']);
  expect(await session.ended).toMatchObject({ code: 0 });
});

test('`down` without runs succeeds; with an unknown name it exits with 66', async ({ world }) => {
  const { stdout, stderr } = await succeed(world, ['down']);
  expect(stdout + stderr).toBe('no runs are up\n');
  expect(await succeed(world, ['down', '--all'])).toMatchObject({ stderr: 'no runs are up\n' });
  const unknown = await dynamo(world, ['down', 'nobody']);
  expect(unknown.code).toBe(66);
  expect(unknown.stderr).toContain('There is no run "nobody"');
});

test('two parallel runs have different ports; `down` asks which, and accepts a name, an id or --all', async ({
  world,
}) => {
  const [first, second, third] = await Promise.all(
    ['one', 'two', 'three'].map(async (name) => await up(world, 'agg', ['--name', name])),
  );
  const runs = [first, second, third].filter((run) => run !== undefined);
  const ports = runs.flatMap(({ processes }) => processes.flatMap((each) => Object.values(each.ports)));
  expect(new Set(ports).size).toBe(6);
  const unclear = await dynamo(world, ['down']);
  expect(unclear.code).toBe(64);
  for (const name of ['one', 'two', 'three']) expect(unclear.stderr).toContain(name);
  await succeed(world, ['down', 'one']);
  expect((await ps(world)).map(({ name }) => name).toSorted()).toEqual(['three', 'two']);
  await succeed(world, ['down', second?.runId ?? '']);
  expect((await clientOf(third?.url ?? '').models.list()).data).toHaveLength(1);
  await succeed(world, ['down', '--all']);
  expect(await ps(world)).toEqual([]);
});

test('a second run with the same name exits with 75 and names the first, which continues', async ({
  world,
}) => {
  const { runId, client } = await up(world, 'agg');
  const second = await dynamo(world, [
    'up',
    'agg',
    '-d',
    '--engine',
    'sim',
    '--http-port',
    String(await freePort()),
  ]);
  expect(second.code).toBe(75);
  expect(second.stderr).toContain(runId);
  expect(second.stderr).toContain('--name agg2');
  expect((await client.models.list()).data).toHaveLength(1);
  await succeed(world, ['down']);
  await up(world, 'agg');
  await succeed(world, ['down']);
});

test('thirty `up -d` at once all become ready, each on its own ports', async ({ world }) => {
  const names = Array.from({ length: 30 }, (_, i) => `run-${i}`);
  // All prefer one port, which no other test has: one gets it, the others move.
  const wish = ['--set', `httpPort=${await freePort()}`];
  const ended = await Promise.all(
    names.map(
      async (name) =>
        await dynamo(world, ['up', 'agg', '-d', '--json', '--engine', 'sim', '--name', name, ...wish]),
    ),
  );
  expect(ended.map(({ code, stderr }) => (code === 0 ? 'ready' : stderr))).toEqual(names.map(() => 'ready'));
  const runs = await ps(world);
  expect(runs.map(({ state }) => state)).toEqual(names.map(() => 'ready'));
  const ports = runs.flatMap(({ processes }) => processes.flatMap((each) => Object.values(each.ports)));
  expect(new Set(ports).size).toBe(60);
  await succeed(world, ['down', '--all']);
}, 300_000);
