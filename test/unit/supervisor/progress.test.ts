/** Progress of a start and the cause of a failure in the supervisor. */
import { expect, test } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import type { ServingPlan } from '../../../src/plan/plan.ts';
import { initialStatus, reduce } from '../../../src/supervisor/status.ts';
import {
  disaggregated,
  fakePlan,
  frontend,
  host,
  options,
  profileOf,
  worker,
} from '../../support/profile.ts';
import {
  fakeWorld,
  type ProcessScript,
  proof,
  supervised,
  type WorldScript,
} from '../../support/fake-world.ts';

const all = (
  script: ProcessScript,
  change: Readonly<Record<string, ProcessScript>> = {},
): Record<string, ProcessScript> => ({
  frontend: script,
  prefill: script,
  'decode-1': script,
  'decode-2': script,
  ...change,
});

function begin(script: WorldScript = {}, plan: ServingPlan = fakePlan()) {
  const world = fakeWorld(script);
  return { world, plan, supervision: supervised(plan, world) };
}

test('the time limit counts from the last progress', async () => {
  const slow = { readyMs: 2_500, progressEveryMs: 300 };
  const plan = { ...quick(1_000), readyTimeoutMs: 1_000, startupCapMs: 60_000 };
  const { world, supervision } = begin({ processes: all({ readyMs: 5 }, { prefill: slow }) }, plan);
  await world.clock.advance(2_600);
  expect(await supervision.ready).toEqual(proof);
});

test('a process that stops making progress fails after its time limit', async () => {
  const stuck = { progressEveryMs: 300, progressUntilMs: 900 };
  const plan = { ...quick(1_000), readyTimeoutMs: 1_000, startupCapMs: 60_000 };
  const { world, supervision } = begin({ processes: all({ readyMs: 5 }, { prefill: stuck }) }, plan);
  await world.clock.advance(1_850);
  expect(world.events.some(({ type }) => type === 'failed')).toBe(false);
  await world.clock.advance(100);
  expect(await supervision.done).toMatchObject({
    failure: {
      code: 'not-ready',
      process: 'prefill',
      progress: { percent: 3 },
      progressAgoMs: 1_000,
      message: expect.stringContaining('it got to model.safetensors 3%, 1 s before') as string,
    },
  });
});

test('endless progress ends at the cap, and a user time-out is a cap', async () => {
  const endless = { progressEveryMs: 100 };
  const plan = { ...quick(60_000), readyTimeoutMs: 1_000, startupCapMs: 3_000 };
  const { world, supervision } = begin({ processes: all({ readyMs: 5 }, { prefill: endless }) }, plan);
  await world.clock.advance(2_950);
  expect(world.events.some(({ type }) => type === 'failed')).toBe(false);
  await world.clock.advance(100);
  expect(await supervision.done).toMatchObject({ failure: { code: 'not-ready', process: 'prefill' } });
  const given = makePlan(disaggregated, options({ timeoutMs: 7_000 }), host());
  expect([given.readyTimeoutMs, given.startupCapMs]).toEqual([7_000, 7_000]);
});

test('progress is reported at most every two seconds', async () => {
  const slow = { readyMs: 5_000, progressEveryMs: 100 };
  const { world } = begin({ processes: all({ readyMs: 5 }, { prefill: slow }) });
  await world.clock.advance(5_100);
  expect(world.events.filter(({ type }) => type === 'progress')).toHaveLength(3);
});

test('the cause is reported after the failure, before the run has stopped, and kept with it', async () => {
  const diagnosis = { rule: 'disk-full', cause: 'the disk is full', evidence: ['x'], fix: 'df -h' };
  const { world, supervision, plan } = begin({
    processes: all({ readyMs: 5 }, { prefill: { exitMs: 20 } }),
    diagnosis,
  });
  await world.clock.advance(100);
  expect(await supervision.done).toMatchObject({ failure: { process: 'prefill', diagnosis } });
  const told = world.events.map(({ type }) => type).filter((type) => /failed|diagnosed|stopped/.test(type));
  expect(told).toEqual(['failed', 'diagnosed', 'stopped']);
  const status = world.events.reduce(reduce, initialStatus(plan, 0));
  expect(status.failure?.diagnosis).toEqual(diagnosis);
});

test('the time limit of a waiting process counts from when it could start', async () => {
  const processes = { frontend: { readyMs: 5 }, first: { readyMs: 800 }, second: { readyMs: 800 } };
  const plan = { ...quick(1_000, oneByOne), readyTimeoutMs: 1_000, startupCapMs: 60_000 };
  const { world, supervision } = begin({ processes }, plan);
  await world.clock.advance(1_700);
  expect(await supervision.ready).toEqual(proof);
});

test.each([
  [
    { second: 2_000 },
    60_000,
    'second was not ready within 2 s of its start, before which it waited 3 s for first to be ready',
  ],
  [
    {},
    5_000,
    'second was not ready within 5 s, of which it waited 3 s for first to be ready and had 2 s to load',
  ],
])('a late process reports what it waited for: %j, in total %i ms', async (own, allMs, message) => {
  const plan = quick(9_000, oneByOne, own);
  const processes = { frontend: { readyMs: 5 }, first: { readyMs: 3_000 }, second: {} };
  const { world, supervision } = begin(
    { processes, lastSeen: 'HTTP 503' },
    { ...plan, readyTimeoutMs: allMs, startupCapMs: allMs },
  );
  await world.clock.advance(5_100);
  expect((await supervision.done).failure).toMatchObject({
    message: `${message}; last seen: HTTP 503`,
    waited: { for: 'first to be ready', ms: 3_000 },
  });
});

const oneByOne = profileOf({
  components: {
    frontend,
    first: worker('prefill'),
    second: worker('decode', { dependsOn: { first: 'ready' } }),
  },
});

function quick(
  startupTimeoutMs: number,
  profile = disaggregated,
  own: Readonly<Record<string, number>> = {},
): ServingPlan {
  const plan = fakePlan(profile);
  const processes = plan.processes.map((spec) => ({
    ...spec,
    startupTimeoutMs: own[spec.name] ?? startupTimeoutMs,
  }));
  return { ...plan, processes };
}
