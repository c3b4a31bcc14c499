/** A run is found from cron and from other logins, with another runtime folder or none, through its record. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { dynamo, shellCode, start, succeed } from './harness/cli.ts';
import { onSim, ps, up } from './harness/deployment.ts';
import { test, type World } from './harness/world.ts';

function recordedSocket(world: World, runId: string): string {
  const file = join(world.state, 'dynamo', 'runs', runId, 'run.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { socket: string }).socket;
}

/** By value of the variable; an empty one counts as unset. */
const surroundings: Readonly<Record<string, (world: World) => string>> = {
  unset: () => '',
  relative: () => 'run',
  'of nobody': () => '/nonexistent/run',
  another: ({ temporary }) => temporary,
};

for (const [name, runtime] of Object.entries(surroundings)) {
  test(`a run can be reached if XDG_RUNTIME_DIR is ${name}`, async ({ world }) => {
    const { runId } = await up(world, 'agg');
    const env = { XDG_RUNTIME_DIR: runtime(world) };
    const { stdout } = await succeed(world, ['ps', '--json'], { env });
    expect((JSON.parse(stdout) as { runs: unknown[] }).runs).toMatchObject([
      { runId, state: 'ready', supervisor: 'answering' },
    ]);
    await succeed(world, ['wait', '--timeout', '20'], { env });
    await succeed(world, ['restart', 'worker'], { env });
    const events = start(world, ['events'], { env });
    await events.until(/ready/);
    const { stderr } = await succeed(world, ['down'], { env });
    expect(stderr).toContain('is down: nothing is left');
    expect((await events.ended).code).toBe(0);
  });

  test(`a run started where it is ${name} can be reached from anywhere`, async ({ world }) => {
    const { runId } = await up(world, 'agg', [], { env: { XDG_RUNTIME_DIR: runtime(world) } });
    const socket = recordedSocket(world, runId);
    expect(socket.startsWith(world.runtime)).toBe(false);
    expect(await ps(world)).toMatchObject([{ runId, supervisor: 'answering' }]);
    await succeed(world, ['down']);
    expect(existsSync(socket)).toBe(false);
  });
}

test('a run whose socket was removed is still stopped in order', async ({ world }) => {
  const session = start(world, ['up', 'agg', ...(await onSim())]);
  await session.until(/is ready after/);
  rmSync(join(world.runtime, 'dynamo'), { recursive: true });
  const { stderr } = await succeed(world, ['down']);
  expect(stderr).toContain('is down: nothing is left');
  expect(stderr).not.toContain('SIGKILL');
  expect(shellCode(await session.ended)).toBe(143);
});

test('a relative HOME is rejected by name, other relative paths are ignored', async ({ world }) => {
  const home = await dynamo(world, ['ps'], { env: { HOME: 'here' } });
  expect(home.code).toBe(78);
  expect(home.stderr).toContain('HOME is the relative path here');
  const env = { XDG_STATE_HOME: 'state', XDG_DATA_HOME: 'data', XDG_CONFIG_HOME: 'config' };
  await succeed(world, ['up', 'agg', '--detach', ...(await onSim())], { env });
  await succeed(world, ['down'], { env: { ...env, HOME: world.env['HOME'] ?? '' }, cwd: world.root });
  expect(readdirSync(world.work)).toEqual([]);
});
