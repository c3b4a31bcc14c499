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

const planned = async (now: Plan): Promise<PlanChange> => replacement(now as ServingPlan);

async function replaced(scripts: Readonly<Record<string, ProcessScript>>, more: WorldScript = {}) {
  const plan = fakePlan();
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
