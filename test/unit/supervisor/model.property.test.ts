/** Invariants of the supervisor, whatever happens in whatever order. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Plan, RestartRule } from '../../../src/plan/plan.ts';
import type { ProcessState } from '../../../src/supervisor/events.ts';
import type { Outcome } from '../../../src/supervisor/supervise.ts';
import { disaggregated, fakePlan, frontend, profileOf, worker } from '../../support/profile.ts';
import { type FakeWorld, fakeWorld, type ProcessScript, supervised } from '../../support/fake-world.ts';

const chain = profileOf({
  components: {
    frontend: { ...frontend, dependsOn: { last: 'started' } },
    first: worker('prefill'),
    second: worker('decode', { replicas: 2, dependsOn: { first: 'ready' } }),
    last: worker('encode', { dependsOn: { second: 'ready', first: 'started' } }),
  },
});
const plans = [fakePlan(disaggregated), fakePlan(chain)];

const soon = fc.integer({ min: 0, max: 12 });
const maybe = (often: number) => fc.option(soon, { nil: undefined, freq: often });
const processScript: fc.Arbitrary<ProcessScript> = fc.record({
  launchMs: soon,
  launchFails: fc.integer({ min: 0, max: 24 }).map((dice) => dice === 0),
  readyMs: maybe(12),
  exitMs: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined, freq: 1 }),
  exit: fc.constantFrom(
    { code: 0, signal: undefined },
    { code: 1, signal: undefined },
    { code: undefined, signal: 'SIGKILL' },
  ),
  stopMs: soon,
});
const action = fc.record({ at: fc.integer({ min: 0, max: 80 }), what: fc.constantFrom('stop', 'kill') });

/** Starts reliably and may be lost only later, so that restarts occur as often as failed starts. */
const healthyScript: fc.Arbitrary<ProcessScript> = fc.record({
  launchMs: fc.integer({ min: 0, max: 2 }),
  readyMs: fc.integer({ min: 0, max: 2 }),
  exitMs: fc.option(fc.integer({ min: 18, max: 60 }), { nil: undefined }),
  stopMs: soon,
  laterReadyMs: fc.integer({ min: 0, max: 7 }),
});
const scripts = fc.oneof(
  ...[processScript, healthyScript].map((one) => fc.array(one, { minLength: 5, maxLength: 5 })),
);

/** `no` as in the foreground, `on-failure` as when detached, with so few restarts that crash loops occur. */
const restart: fc.Arbitrary<RestartRule> = fc.record({
  policy: fc.constantFrom('no', 'on-failure'),
  maxRestarts: fc.integer({ min: 0, max: 3 }),
  windowMs: fc.integer({ min: 1, max: 300 }),
  firstDelayMs: soon,
  maxDelayMs: fc.constant(20),
});

const anyPlan = fc
  .tuple(
    fc.constantFrom(...plans),
    fc.array(fc.tuple(restart, fc.constantFrom(5, 1_000)), { minLength: 5, maxLength: 5 }),
  )
  .map(([base, rules]): Plan => ({
    ...base,
    processes: base.processes.map((spec, i) => {
      const [rule = spec.restart, startupTimeoutMs = spec.startupTimeoutMs] = rules[i] ?? [];
      return { ...spec, restart: rule, startupTimeoutMs };
    }),
  }));

const story = fc.record({
  plan: anyPlan,
  scripts,
  instancesMs: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined, freq: 20 }),
  servesMs: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined, freq: 20 }),
  servesWrong: fc
    .integer({ min: 0, max: 9 })
    .map((dice) => (dice === 0 ? new Error('wrong answer') : undefined)),
  actions: fc.array(action, { maxLength: 4 }),
});

interface Told {
  readonly plan: Plan;
  readonly world: FakeWorld;
  readonly outcome: Outcome;
  /** Length of the log when it was first asked to stop. */
  readonly leftAt: number;
}

async function live(from: typeof story extends fc.Arbitrary<infer T> ? T : never): Promise<Told> {
  const processes = Object.fromEntries(
    from.plan.processes.map(({ name }, i) => [name, from.scripts[i] ?? {}]),
  );
  const world = fakeWorld({ ...from, processes });
  const supervision = supervised(from.plan, world);
  let outcome: Outcome | undefined;
  let readySettled = false;
  let leftAt = Infinity;
  void supervision.done.then((value) => (outcome = value));
  void supervision.ready.then(() => (readySettled = true));
  const actions = [...from.actions, { at: 200, what: 'stop' as const }].toSorted((a, b) => a.at - b.at);
  for (const { at, what } of actions) {
    await world.clock.advance(1_000 + at - world.clock.now());
    leftAt = Math.min(leftAt, world.notes.length);
    supervision[what]();
  }
  await world.clock.advance(500);
  expect(readySettled, 'ready settles').toBe(true);
  expect(outcome, 'done settles').toBeDefined();
  return { plan: from.plan, world, outcome: outcome as Outcome, leftAt };
}

function always(check: (told: Told) => void, seed?: number, numRuns = 40): Promise<void> {
  return fc.assert(
    fc.asyncProperty(story, async (from) => {
      check(await live(from));
    }),
    { numRuns, ...(seed === undefined ? {} : { seed }) },
  );
}

/** Repeated here, so that an error in the table of the code is detected. */
const legal = new Set([
  'pending>starting',
  'pending>stopped',
  'starting>started',
  'starting>failed',
  'starting>stopping',
  'started>ready',
  'started>failed',
  'started>stopping',
  'ready>failed',
  'ready>stopping',
  'failed>backoff',
  'failed>stopping',
  'failed>stopped',
  'backoff>starting',
  'backoff>stopping',
  'backoff>stopped',
  'stopping>stopped',
]);

test('no process makes a forbidden transition, and all end as stopped', async () => {
  await always(({ world, plan }) => {
    const states = new Map<string, ProcessState>(plan.processes.map(({ name }) => [name, 'pending']));
    for (const event of world.events) {
      if (event.type !== 'process') continue;
      expect(legal).toContain(`${states.get(event.process)}>${event.state}`);
      states.set(event.process, event.state);
    }
    expect(new Set(states.values())).toEqual(new Set(['stopped']));
  });
});

test('every process life has one start, one end, and at most one graceful stop', async () => {
  await always(({ world }) => {
    const pids = (what: string, graceful = false): number[] =>
      world.notes.flatMap((note) =>
        note.what === what && 'pid' in note && (!graceful || (note.graceMs ?? 0) > 0) ? [note.pid ?? 0] : [],
      );
    const told = world.events.flatMap((event) =>
      event.type === 'process' && event.state === 'started' ? [event.pid] : [],
    );
    expect(told).toEqual(pids('launched'));
    expect(new Set(pids('exited'))).toEqual(new Set(pids('launched')));
    expect(new Set(pids('stop'))).toEqual(new Set(pids('launched')));
    expect(new Set(pids('stop', true)).size).toBe(pids('stop', true).length);
  });
});

test('a life begins only after the one before is completely gone', async () => {
  await always(({ world }) => {
    const last = new Map<string, number>();
    const gone = new Set<number>();
    for (const note of world.notes) {
      if (note.what === 'stopped') gone.add(note.pid ?? 0);
      if (note.what === 'launched') last.set(note.process, note.pid ?? 0);
      const before = note.what === 'launch' ? last.get(note.process) : undefined;
      if (before !== undefined) expect(gone).toContain(before);
    }
  });
});

test('a process is stopped only after all that waited for it are gone', async () => {
  await always(({ world, plan }) => {
    const gone = new Set<string>();
    const started = new Set(world.notes.flatMap((note) => (note.what === 'launched' ? [note.process] : [])));
    const from = world.notes.findIndex(
      (note) => note.what === 'event' && note.event.type === 'run' && note.event.phase === 'stopping',
    );
    for (const note of world.notes.slice(from)) {
      if (note.what === 'stopped') gone.add(note.process);
      if (note.what !== 'stop') continue;
      const dependents = plan.processes.filter(({ dependsOn }) =>
        dependsOn.some((edge) => edge.process === note.process),
      );
      expect(dependents.filter(({ name }) => started.has(name) && !gone.has(name))).toEqual([]);
    }
  });
});

test('nothing is started after a stop request or a failure', async () => {
  await always(({ world, leftAt }) => {
    const failedAt = world.notes.findIndex((note) => note.what === 'event' && note.event.type === 'failed');
    const after = world.notes.slice(Math.min(leftAt, failedAt === -1 ? Infinity : failedAt));
    expect(after.filter((note) => note.what === 'launch')).toEqual([]);
  });
});

test('nothing is started before its dependencies are ready', async () => {
  await always(({ world, plan }) => {
    const reached = new Set<string>();
    for (const note of world.notes) {
      if (note.what === 'event' && note.event.type === 'process')
        reached.add(`${note.event.process} ${note.event.state}`);
      if (note.what !== 'launch') continue;
      const spec = plan.processes.find(({ name }) => name === note.process);
      for (const edge of spec?.dependsOn ?? [])
        expect(reached).toContain(`${edge.process} ${edge.condition}`);
    }
  });
});

test('a failure is reported once, and an unrequested exit names its process', async () => {
  await always(({ plan, world, outcome, leftAt }) => {
    const failures = world.events.flatMap((event) => (event.type === 'failed' ? [event.reason] : []));
    expect(failures.length).toBeLessThanOrEqual(1);
    // A process that exits because of a stop request has not failed.
    const failedAt = world.notes.findIndex((note) => note.what === 'event' && note.event.type === 'failed');
    expect(failedAt).toBeLessThan(leftAt);
    expect(outcome.failure).toEqual(failures[0]);
    const stopAt = world.notes.findIndex(
      (note) => note.what === 'event' && note.event.type === 'run' && note.event.phase === 'stopping',
    );
    const crashed = world.notes
      .slice(0, Math.min(leftAt, stopAt))
      .flatMap((note) => (note.what === 'exited' ? [note.process] : []));
    const restarted = new Set(
      plan.processes.flatMap((spec) => (spec.restart.policy === 'no' ? [] : [spec.name])),
    );
    if (crashed.some((name) => !restarted.has(name))) expect(outcome.failure).toBeDefined();
    if (outcome.failure?.code === 'process-failed') expect(crashed).toContain(outcome.failure.process);
  });
});

test('ready is reported at most once, never during a stop, and nothing after the end', async () => {
  await always(({ world }) => {
    const types = world.events.map((event) => (event.type === 'run' ? event.phase : event.type));
    expect(types.filter((type) => type === 'ready').length).toBeLessThanOrEqual(1);
    expect(types.filter((type) => type === 'stopping')).toHaveLength(1);
    expect(types.slice(types.indexOf('stopping'))).not.toContain('ready');
    expect(types.indexOf('stopped')).toBe(types.length - 1);
  });
});

test('the generated stories include restarts, crash loops and failed starts', async () => {
  const seen = { restarts: 0, crashLoops: 0, ready: 0, failures: 0 };
  await always(
    ({ world, outcome }) => {
      seen.restarts += world.events.filter(
        (event) => event.type === 'process' && event.state === 'backoff',
      ).length;
      seen.crashLoops += outcome.failure?.message.includes('crash loop') ? 1 : 0;
      seen.ready += world.events.some(({ type }) => type === 'ready') ? 1 : 0;
      seen.failures += outcome.failure === undefined ? 0 : 1;
    },
    7,
    80,
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0);
});
