/** Workers that load one after the other: at the start, after a loss, and when the run ends meanwhile. */
import { expect, test } from 'vitest';
import type { ProcessSpec } from '../../../src/plan/plan.ts';
import { fakeWorld, type ProcessScript, proof, supervised } from '../../support/fake-world.ts';
import { fakePlan } from '../../support/profile.ts';

const names = ['frontend', 'prefill', 'decode-1', 'decode-2'];

/** Three workers that load in turn, in 50 ms each. */
function inTurn(
  script: ProcessScript = { readyMs: 50 },
  change: Partial<ProcessSpec> = {},
  others: Readonly<Record<string, ProcessScript>> = {},
) {
  const plan = fakePlan();
  const processes = plan.processes.map((spec) =>
    spec.kind === 'worker' ? { ...spec, ...change, loadsInTurn: 'media' } : spec,
  );
  const world = fakeWorld({
    processes: { ...Object.fromEntries(names.map((name) => [name, script])), ...others },
  });
  const supervision = supervised({ ...plan, processes }, world);
  const launched = (): string[] =>
    world.notes.flatMap((note) => (note.what === 'launch' ? [note.process] : []));
  return { world, supervision, launched };
}

test('processes that load in turn start one after the other', async () => {
  const { world, supervision, launched } = inTurn();
  await world.clock.advance(49);
  expect(launched()).toEqual(['frontend', 'prefill']);
  await world.clock.advance(1);
  expect(launched()).toEqual(['frontend', 'prefill', 'decode-1']);
  await world.clock.advance(100);
  expect(launched()).toEqual(names);
  expect(await supervision.ready).toEqual(proof);
  expect(world.events).toContainEqual(
    expect.objectContaining({
      process: 'decode-2',
      state: 'starting',
      waited: { for: 'decode-1 to be ready', ms: 100 },
    }),
  );
});

test('a time-out counts from the turn to load', async () => {
  const { world, supervision } = inTurn({ readyMs: 50 }, { startupTimeoutMs: 60 });
  await world.clock.advance(200);
  expect(await supervision.ready).toEqual(proof);
});

test('when one fails to load, those that wait for their turn are never started', async () => {
  const { world, supervision, launched } = inTurn({ readyMs: 50, exitMs: 20 });
  await world.clock.advance(100);
  expect((await supervision.done).failure).toMatchObject({ code: 'process-failed' });
  expect(launched()).toEqual(['frontend', 'prefill']);
});

test('a stop ends the wait for a turn', async () => {
  const { world, supervision, launched } = inTurn();
  await world.clock.advance(60);
  supervision.stop();
  await world.clock.advance(10);
  expect(await supervision.done).toEqual({ killed: [], left: [] });
  expect(launched()).toEqual(['frontend', 'prefill', 'decode-1']);
});

/** Lost once, so long after it was launched. */
const lost = (exitMs: number): ProcessScript => ({ readyMs: 50, exitMs, exits: 1 });

const restart = {
  policy: 'on-failure',
  maxRestarts: 3,
  windowMs: 60_000,
  firstDelayMs: 0,
  maxDelayMs: 0,
} as const;

test('those that are lost together are restarted in turn', async () => {
  // Each 300 ms after the start of the run.
  const { world, launched } = inTurn(
    lost(300),
    { restart },
    {
      'decode-1': lost(250),
      'decode-2': lost(200),
      frontend: { readyMs: 0 },
    },
  );
  await world.clock.advance(340);
  expect(launched().slice(4)).toEqual(['prefill']);
  await world.clock.advance(20);
  expect(launched().slice(4)).toEqual(['prefill', 'decode-1']);
  await world.clock.advance(100);
  expect(launched().slice(4)).toEqual(['prefill', 'decode-1', 'decode-2']);
  expect(world.events.at(-1)).toMatchObject({ process: 'decode-2', state: 'ready' });
});

test.each([
  ['its turn', { loadsInTurn: 'media', restart }],
  ['its restart', { loadsInTurn: undefined, restart: { ...restart, firstDelayMs: 500, maxDelayMs: 500 } }],
])('stopped and started again while it waits for %s, a process is launched once', async (_, change) => {
  const plan = fakePlan();
  const processes = plan.processes.map((spec) => (spec.kind === 'worker' ? { ...spec, ...change } : spec));
  const script = {
    frontend: { readyMs: 0 },
    prefill: lost(300),
    'decode-1': lost(250),
    'decode-2': lost(200),
  };
  const world = fakeWorld({ processes: script });
  const supervision = supervised({ ...plan, processes }, world);
  await world.clock.advance(320);
  const stopped = supervision.act('stop', 'decode-2');
  await world.clock.advance(1);
  await stopped;
  const started = supervision.act('start', 'decode-2');
  await world.clock.advance(1_000);
  await started;
  const launches = world.notes.filter((note) => note.what === 'launch' && note.process === 'decode-2');
  expect(launches).toHaveLength(2);
});
