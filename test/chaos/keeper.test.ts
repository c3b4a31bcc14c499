/** Kills the supervisor, its keeper, or both at any moment of a start; CHAOS_KILLS sets how often. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { start, succeed } from '../e2e/harness/cli.ts';
import { freePort } from '../e2e/harness/ports.ts';
import { until } from '../support/until.ts';
import { test, type World } from '../e2e/harness/world.ts';
import { keepers, killSupervision, leaders, processesOfRuns, send, supervisors } from './scene.ts';

const times = Array.from({ length: Number(process.env['CHAOS_KILLS'] ?? 5) }, (_, i) => i);

async function upWords(): Promise<string[]> {
  return ['up', 'disagg', '--engine', 'sim', '--detach', '--http-port', String(await freePort())];
}

/** Starts a run, and returns up to half a second (the duration of a start) after its supervisor appears. */
async function beginStart(world: World): Promise<Promise<unknown>> {
  const command = start(world, await upWords());
  await until('a keeper', () => keepers(world).length > 0);
  await delay(Math.random() * 500);
  return command.ended;
}

// Speed is measured by the bench, as it depends on the load of the machine.
test.for(times)('after a killed supervisor, the keeper ends everything (%i)', async (_, { world }) => {
  const command = await beginStart(world);
  for (const pid of supervisors(world)) send(pid, 'SIGKILL');
  await until('all processes to be gone', () => processesOfRuns(world).length === 0);
  // It has become the reaper, which cleans up for a moment longer.
  await until('the keeper to be gone', () => keepers(world).length === 0);
  await command;
});

test.for(times)('a killed keeper is replaced, and the run continues (%i)', async (_, { world }) => {
  const command = await beginStart(world);
  const [first] = keepers(world);
  if (first === undefined) throw new Error('no keeper');
  send(first.pid, 'SIGKILL');
  await until('another keeper', () => keepers(world).some(({ pid }) => pid !== first.pid));
  await command;
  expect(leaders(world)).toHaveLength(3);
  await succeed(world, ['down']);
});

test.for(times)(
  'after both are killed, the next up ends what is left and starts (%i)',
  async (_, { world }) => {
    const command = await beginStart(world);
    await killSupervision(world);
    await command;
    await succeed(world, await upWords());
    expect(leaders(world)).toHaveLength(3);
    expect(supervisors(world)).toHaveLength(1);
    expect(keepers(world)).toHaveLength(1);
    await succeed(world, ['down']);
  },
);
