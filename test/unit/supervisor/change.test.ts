/** A change of a live run in which processes end at the wrong time. In these plans, nothing is restarted by policy. */
import { beforeAll, expect, test } from 'vitest';
import type { Plan, ProcessSpec, ServingPlan } from '../../../src/plan/plan.ts';
import type { PlanChange } from '../../../src/plan/scale-plan.ts';
import { fakeWorld, type ProcessScript, supervised, type WorldScript } from '../../support/fake-world.ts';
import { fakePlan } from '../../support/profile.ts';

// It is loaded with the first change, which takes no virtual time.
beforeAll(async () => void (await import('../../../src/supervisor/change.ts')));

const old = 'decode-2';
const fresh = 'decode-3';

/** `decode-3` in place of `decode-2`, on other GPUs. */
function replacement(plan: ServingPlan): PlanChange {
  const removed = plan.processes.filter(({ name }) => name === old);
  const added = removed.map((spec): ProcessSpec => ({
    ...spec,
    name: fresh,
    probe: { kind: 'http', url: `http://${fresh}/` },
  }));
  const having = (processes: readonly ProcessSpec[]): ServingPlan => ({
    ...plan,
    processes,
    stopOrder: [processes.map(({ name }) => name)],
  });
  const during = having([...plan.processes, ...added]);
  const after = having(during.processes.filter(({ name }) => name !== old));
  return { during, after, added, removed, order: 'add-first' };
}

/** `startupCapMs`: as `--timeout` of the run sets it. */
interface Limits extends Pick<PlanChange, 'startWithinMs'> {
  readonly startupCapMs?: number;
}

async function replaced(
  scripts: Readonly<Record<string, ProcessScript>>,
  more: WorldScript = {},
  { startWithinMs, ...limits }: Limits = {},
) {
  const plan = fakePlan(undefined, limits);
  const planned = async (now: Plan): Promise<PlanChange> => ({
    ...replacement(now as ServingPlan),
    startWithinMs,
  });
  const ready = plan.processes.map(({ name }): [string, ProcessScript] => [name, { readyMs: 5 }]);
  const world = fakeWorld({ ...more, processes: { ...Object.fromEntries(ready), ...scripts } });
  const supervision = supervised(
    {
      ...plan,
      processes: plan.processes.map((spec) => ({ ...spec, restart: { ...spec.restart, policy: 'no' } })),
    },
    world,
  );
  await world.clock.advance(100);
  let kept: Plan = plan;
  const keep = (next: Plan): undefined => void (kept = next);
  const result = supervision.change(planned, { keep }).then(
    () => 'done',
    (error: unknown) => String(error),
  );
  const namesOf = (): string[] => kept.processes.map(({ name }) => name);
  const stopped = (): string[] => world.notes.flatMap((note) => (note.what === 'stop' ? [note.process] : []));
  const failures = (): string[] =>
    world.events.flatMap((event) => (event.type === 'failed' ? [event.reason.message] : []));
  return { world, supervision, result, namesOf, stopped, failures };
}

test('a new worker that ends before its proof is taken back; the old one is not touched', async () => {
  const { world, result, namesOf, stopped, failures } = await replaced(
    { [fresh]: { readyMs: 5, exitMs: 20 } },
    { servesMs: 50 },
  );
  await world.clock.advance(1_000);
  expect(await result).toContain('decode-3 exited with code 1');
  expect(namesOf()).toContain(old);
  expect(namesOf()).not.toContain(fresh);
  expect(stopped()).toEqual([fresh]);
  expect(failures()).toEqual([]);
});

test('a new worker that ends while the old one leaves is restarted, and the change waits for it', async () => {
  const { world, result, namesOf, stopped, failures } = await replaced(
    { [fresh]: { readyMs: 5, laterReadyMs: 500, exitMs: 20, exits: 1 } },
    { leaveMs: 100 },
  );
  let settled = false;
  void result.then(() => (settled = true));
  // The old one is gone by now, and the new one still loads.
  await world.clock.advance(1_400);
  expect([settled, stopped()]).toEqual([false, expect.arrayContaining([old])]);
  await world.clock.advance(1_000);
  expect(await result).toBe('done');
  expect(namesOf()).toContain(fresh);
  expect(namesOf()).not.toContain(old);
  expect(failures()).toEqual([]);
});

test('a new worker that ends again and again is taken back, and the run goes on', async () => {
  const { world, result, namesOf, failures, supervision } = await replaced(
    { [fresh]: { readyMs: 5, laterReadyMs: 12, exitMs: 20 } },
    { leaveMs: 100, servesMs: 12 },
  );
  await world.clock.advance(60_000);
  expect(await result).toContain('crash loop: it was restarted 3 times');
  expect(namesOf()).toEqual(['frontend', 'prefill', 'decode-1']);
  expect(failures()).toEqual([]);
  supervision.stop();
  await world.clock.advance(100);
  expect(await supervision.done).toEqual({ killed: [], left: [] });
});

test('no proof waits for a new worker that has ended', async () => {
  const { world, result, namesOf } = await replaced(
    { [fresh]: { readyMs: 5, laterReadyMs: 12, exitMs: 20 } },
    { leaveMs: 100 },
  );
  let asked = 0;
  const instances: typeof world.proving.instances = async (_plan, _expected, signal) => {
    // At first at once; from then on, the frontend waits for a worker that is gone.
    if (asked++ > 0) await world.clock.sleep(25_000, signal);
  };
  Object.assign(world.proving, { instances });
  // Three restarts, after 1, 2 and 4 s.
  await world.clock.advance(10_000);
  expect(namesOf()).toEqual(['frontend', 'prefill', 'decode-1']);
  expect(await result).toContain('crash loop: it was restarted 3 times');
});

test.each([
  ['that of the run', { startupCapMs: 7_000 }],
  ['that of the change', { startupCapMs: 60_000, startWithinMs: 7_000 }],
])('a new worker has the time of --timeout to become ready: %s', async (_, limits) => {
  const { world, result, namesOf } = await replaced({ [fresh]: {} }, {}, limits);
  await world.clock.advance(6_900);
  expect(namesOf()).toContain(fresh);
  await world.clock.advance(200);
  expect(await result).toContain('decode-3 was not ready within 7 s');
  expect(namesOf()).toEqual(['frontend', 'prefill', 'decode-1', old]);
});

test('so has one that is restarted while the old one leaves', async () => {
  const { world, result } = await replaced(
    { [fresh]: { readyMs: 5, laterReadyMs: 600_000, exitMs: 20, exits: 1 } },
    { leaveMs: 100 },
    { startWithinMs: 7_000 },
  );
  // Three restarts, after 1, 2 and 4 s.
  await world.clock.advance(29_000);
  expect(await result).toContain('crash loop: it was restarted 3 times');
});

test('an old worker that ends before it is told to does not end the run', async () => {
  const { world, result, namesOf, failures } = await replaced(
    { [old]: { readyMs: 5, exitMs: 150 }, [fresh]: { readyMs: 5 } },
    { leaveMs: 100 },
  );
  await world.clock.advance(1_000);
  expect(await result).toBe('done');
  expect(namesOf()).not.toContain(old);
  expect(failures()).toEqual([]);
});

test('after the change, the policy of the plan counts again', async () => {
  const { world, result, failures, supervision } = await replaced({
    [fresh]: { readyMs: 5, exitMs: 500 },
  });
  await world.clock.advance(1_000);
  expect(await result).toBe('done');
  expect(failures()).toEqual(['decode-3 exited with code 1']);
  await world.clock.advance(100);
  expect((await supervision.done).failure?.message).toBe('decode-3 exited with code 1');
});
