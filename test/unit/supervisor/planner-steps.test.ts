/** What follows from a decision of NVIDIA's planner: never twice, never out of bounds, never during a start, never for ever. */
import { expect, test } from 'vitest';
import type { PlannerPlan } from '../../../src/plan/plan.ts';
import {
  afterFailure,
  afterSuccess,
  nextStep,
  type PlannerMemory,
  type PlannerStep,
  type PlannerView,
  reasonIn,
  type Wish,
} from '../../../src/supervisor/planner-steps.ts';

const bounds: PlannerPlan = {
  target: 'throughput',
  gpuBudget: 6,
  roles: [
    { role: 'prefill', component: 'prefill', min: 1, max: 3, gpus: 1 },
    { role: 'decode', component: 'decode', min: 1, max: 3, gpus: 2 },
  ],
};

function wish(decode: number, more: Partial<Wish> = {}): Wish {
  return { decision: 0, revision: 16, prefill: 1, decode, acknowledged: false, ...more };
}

function view(seen: Wish | undefined, more: Partial<PlannerView> = {}): PlannerView {
  return { now: 1_000_000, wish: seen, replicas: { prefill: 1, decode: 1 }, busy: undefined, ...more };
}

const stepFor = (memory: PlannerMemory, seen: PlannerView): PlannerStep =>
  nextStep(bounds, memory, seen).step;

test('a decision is carried out once, and the rest is waiting', () => {
  expect(stepFor({}, view(undefined))).toEqual({ kind: 'wait' });
  const two = wish(2);
  expect(stepFor({}, view(two))).toMatchObject({
    kind: 'carry-out',
    replicas: { decode: 2 },
    from: { decode: 1 },
  });
  const memory = afterSuccess({}, two, { now: 1_000_000, tookMs: 4000, grew: true });
  const done = view({ ...two, acknowledged: true }, { replicas: { prefill: 1, decode: 2 } });
  expect(stepFor(memory, done)).toEqual({ kind: 'wait' });
});

test('what is there already is acknowledged; so is a lost acknowledgement', () => {
  const { memory, step } = nextStep(bounds, {}, view(wish(1)));
  expect(step).toMatchObject({ kind: 'acknowledge' });
  expect(stepFor(memory, view(wish(1)))).toMatchObject({ kind: 'acknowledge' });
});

test('a planner that counts from 0 again is heard', () => {
  const memory = afterSuccess({}, wish(2), { now: 0, tookMs: 0, grew: true });
  const next = view(wish(3, { revision: 40 }), { replicas: { prefill: 1, decode: 2 } });
  // Its acknowledgement is that of the planner before it.
  expect(
    stepFor(memory, { ...next, wish: { ...wish(2), revision: 40, decode: 1, acknowledged: true } }),
  ).toMatchObject({ kind: 'carry-out', replicas: { decode: 1 } });
});

test('nothing is changed while a worker starts', () => {
  expect(stepFor({}, view(wish(2), { busy: 'decode is backoff' }))).toEqual({ kind: 'wait' });
});

test('a worker that was added stays at least as long as it took to start', () => {
  const memory = afterSuccess({}, wish(2), { now: 1_000_000, tookMs: 30_000, grew: true });
  const down = wish(1, { decision: 1, revision: 20 });
  const two = { prefill: 1, decode: 2 };
  expect(stepFor(memory, view(down, { now: 1_029_000, replicas: two }))).toEqual({ kind: 'wait' });
  expect(stepFor(memory, view(down, { now: 1_030_000, replicas: two }))).toMatchObject({ kind: 'carry-out' });
  // Another one may be added at once.
  const up = wish(2, { decision: 1, revision: 20, prefill: 2 });
  expect(stepFor(memory, view(up, { replicas: two }))).toMatchObject({
    kind: 'carry-out',
    replicas: { prefill: 2 },
  });
});

test.for([
  [{ decode: 4 }, /planner\.replicas\.decode\.max is 3/],
  [{ prefill: 0 }, /planner\.replicas\.prefill\.min is 1/],
  [{ prefill: 3, decode: 2 }, /that is 7 in all, and the limit is 6/],
] as const)('out of bounds is refused once: %o', ([wants, why]) => {
  const seen = view({ ...wish(1), ...wants });
  const { memory, step } = nextStep(bounds, {}, seen);
  expect(step).toMatchObject({ kind: 'refuse', why: expect.stringMatching(why) });
  expect(stepFor(memory, { ...seen, now: seen.now + 16_000 })).toEqual({ kind: 'wait' });
});

test('after a minute the planner is made to forget what is refused; it hears that ever later', () => {
  let memory: PlannerMemory = {};
  let now = 1_000_000;
  const waits: number[] = [];
  for (let round = 0; round < 7; round++) {
    const asked = wish(4, { revision: 100 + round });
    const from = now;
    for (;;) {
      const next = nextStep(bounds, memory, view(asked, { now }));
      ({ memory } = next);
      if (next.step.kind === 'reset') break;
      now += 1000;
    }
    waits.push((now - from) / 1000);
    // The keys are still there until the new planner starts.
    expect(stepFor(memory, view(asked, { now }))).toEqual({ kind: 'wait' });
  }
  expect(waits).toEqual([60, 120, 240, 480, 600, 600, 600]);
});

test('what fails is tried again while the planner waits, and carried out when it fits', () => {
  const two = wish(2);
  const memory = afterFailure({}, two, { now: 1_000_000, why: 'no idle GPU' });
  expect(stepFor(memory, view(two, { now: 1_014_000 }))).toEqual({ kind: 'wait' });
  expect(stepFor(memory, view(two, { now: 1_015_000 }))).toMatchObject({ kind: 'carry-out', again: true });
  const later = afterFailure(memory, two, { now: 1_015_000, why: 'no idle GPU' });
  expect(stepFor(later, view(two, { now: 1_060_000 }))).toMatchObject({
    kind: 'reset',
    because: 'no idle GPU',
  });
});

test('a planner whose workers someone else has changed is restarted, as it waits for its own number', () => {
  const two = { ...wish(2), acknowledged: true };
  let memory = afterSuccess({}, two, { now: 0, tookMs: 0, grew: true });
  const three = { prefill: 1, decode: 3 };
  const first = nextStep(bounds, memory, view(two, { now: 1_000_000, replicas: three }));
  expect(first.step).toEqual({ kind: 'wait' });
  ({ memory } = first);
  // It may be a change in progress.
  expect(nextStep(bounds, memory, view(two, { now: 1_019_000, replicas: three })).step).toEqual({
    kind: 'wait',
  });
  expect(stepFor(memory, view(two, { now: 1_021_000, replicas: three }))).toMatchObject({ kind: 'reset' });
});

test('the reason is what the planner logged since its decision before', () => {
  const lines = [
    '2026-11-29T15:58:13.8Z  INFO load_scaling._decode_easy_decision: Easy decode: all engines below scale-down threshold (0.6), -> 1',
    '2026-11-29T15:58:13.836795Z  INFO base._log_decision_summary: [summary] HOLD | current: prefill=1 decode=1',
    '2026-11-29T15:58:18.838162Z  INFO load_scaling._prefill_easy_decision: Load prefill 639:dp0: queued=0, scale_up_tokens=2000',
    '2026-11-29T15:58:18.838241Z  INFO load_scaling._decode_easy_decision: Easy decode 6390:dp0: sched_kv=19041, queued_kv=0, max_kv=262144, util=0.073',
    '2026-11-29T15:58:18.838263Z  INFO load_scaling._decode_easy_decision: Easy decode: engine(s) above scale-up threshold (0.02), scaling up to 2',
    '2026-11-29T15:58:18.842558Z  INFO base._log_decision_summary: [summary] SCALE_UP | current: prefill=1 decode=1 | recommended: prefill=1 decode=2',
    '2026-11-29T15:58:23.840436Z  INFO base._log_decision_summary: [summary] HOLD | current: prefill=1 decode=1',
  ];
  expect(reasonIn(lines)).toBe(
    'Easy decode: engine(s) above scale-up threshold (0.02), scaling up to 2; sched_kv=19041, queued_kv=0, max_kv=262144, util=0.073',
  );
  // The decision is in etcd before its summary is in the log.
  expect(reasonIn(lines.slice(0, 5))).toMatch(/^Easy decode: engine\(s\) above scale-up threshold \(0\.02\)/);
  expect(reasonIn([])).toBeUndefined();
});
