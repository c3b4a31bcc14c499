/** When silence of a worker with requests is suspicious: never under work that is slow as it was before. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WorkSigns } from '../../../src/supervisor/contracts.ts';
import {
  askWithinMs,
  boundMs,
  isSuspect,
  longestBoundMs,
  look,
  type Quiet,
} from '../../../src/supervisor/quiet.ts';

const periodMs = 5_000;
const shortestMs = 20_000;

const busy: WorkSigns = { inFlight: 1, waiting: 0, work: '0', hasAnswered: true };

/** Looks every five seconds at a worker that shows work at these times. Returns when it was suspected. */
function suspectedAt(workAt: readonly number[], untilMs: number, more: Partial<WorkSigns> = {}): number[] {
  let quiet: Quiet | undefined;
  const times: number[] = [];
  for (let now = 0; now <= untilMs; now += periodMs) {
    const work = String(workAt.filter((at) => at <= now).length);
    const signs = { ...busy, ...more, work };
    quiet = look(quiet, signs, { now, periodMs });
    if (isSuspect(quiet, now, boundMs(quiet, signs, shortestMs))) {
      times.push(now);
      // It is asked, and the answer does not count as its own work here.
      quiet = { ...quiet, askedAt: now };
    }
  }
  return times;
}

const every = (ms: number, untilMs: number): number[] =>
  Array.from({ length: Math.floor(untilMs / ms) }, (_, index) => (index + 1) * ms);

test('a worker that stops is suspected after the shortest time, and again after it once more', () => {
  expect(suspectedAt([1_000, 2_000, 3_000], 70_000)).toEqual([25_000, 45_000, 65_000]);
});

test('with the default, suspicion and the request that follows fit into a minute', () => {
  // Requests are noticed a look late, and so is each step.
  expect(3 * periodMs + shortestMs + askWithinMs(shortestMs)).toBeLessThan(60_000);
});

test('an idle worker is never suspected, and a request after a long rest starts from there', () => {
  const idle = { ...busy, inFlight: 0 };
  let quiet = look(undefined, idle, { now: 0, periodMs });
  quiet = look(quiet, idle, { now: 3_600_000, periodMs });
  expect(isSuspect(quiet, 3_600_000, boundMs(quiet, idle, shortestMs))).toBe(false);
  quiet = look(quiet, busy, { now: 3_605_000, periodMs });
  expect(isSuspect(quiet, 3_610_000, boundMs(quiet, busy, shortestMs))).toBe(false);
  expect(isSuspect(quiet, 3_625_000, boundMs(quiet, busy, shortestMs))).toBe(true);
});

test('a worker that has never answered is given as long as its first request may take', () => {
  const first = suspectedAt([], 1_300_000, { hasAnswered: false });
  expect(first[0]).toBe(longestBoundMs);
});

test('what the frontend saw of prompts and tokens extends the time', () => {
  expect(
    boundMs({ ...look(undefined, busy, { now: 0, periodMs }) }, { ...busy, expectedMs: 40_000 }, shortestMs),
  ).toBe(120_000);
  expect(suspectedAt([], 115_000, { expectedMs: 40_000 })).toEqual([]);
});

test('no setting of the user is cut, and nothing else makes it wait for longer than the limit', () => {
  const quiet: Quiet = { work: '', hasRequests: true, since: 0, longestMs: 1e9 };
  expect(boundMs(quiet, busy, shortestMs)).toBe(longestBoundMs);
  expect(boundMs(quiet, busy, 900_000)).toBe(900_000);
  expect(boundMs(quiet, { ...busy, hasAnswered: false }, 900_000)).toBe(900_000);
});

test('a long pause is forgotten slowly: work that is fast again brings the shortest time back', () => {
  const pause = [100_000, 200_000, 300_000];
  const fast = every(5_000, 3_000_000).filter((at) => at > 300_000);
  const stopped = suspectedAt([...pause, ...fast.filter((at) => at < 2_500_000)], 2_600_000);
  expect(stopped.find((at) => at > 2_400_000)).toBeLessThanOrEqual(2_525_000);
});

test('time in which all requests wait for another worker says nothing about this one', () => {
  let quiet = look(undefined, busy, { now: 0, periodMs });
  quiet = look(quiet, { ...busy, waiting: 1, work: '1' }, { now: 500_000, periodMs });
  expect(quiet.longestMs).toBe(0);
});

test('never suspected while pauses are at most three times the longest before', () => {
  const pauses = fc.array(fc.double({ min: 0.2, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 15_000 }), pauses, (longestMs, shares) => {
      const times: number[] = [];
      let at = 0;
      for (const share of shares) times.push((at += Math.max(1, Math.round(longestMs * share))));
      return suspectedAt(times, at).length === 0;
    }),
  );
  // As a worker with prompts that take longer and longer, each up to double.
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 1, max: 2, noNaN: true }), { minLength: 1, maxLength: 5 }),
      (growth) => {
        const times: number[] = [];
        let [at, pause] = [0, 15_000];
        for (const by of growth) {
          times.push((at += Math.round(pause)));
          pause = Math.min(150_000, pause * by);
        }
        return suspectedAt(times, at).length === 0;
      },
    ),
  );
});

test('always suspected in the end, whatever it did before', () => {
  const before = fc.array(fc.integer({ min: 1, max: 300_000 }), { maxLength: 20 });
  fc.assert(
    fc.property(before, (pauses) => {
      let at = 0;
      const times = pauses.map((pause) => (at += pause));
      const last = suspectedAt(times, at + longestBoundMs + 2 * periodMs).at(-1) ?? -1;
      return last > at;
    }),
  );
});
