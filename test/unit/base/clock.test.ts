/** A time limit aborts on time, with the outer signal, or never once it is cleared. */
import { expect, test } from 'vitest';
import { systemClock, timeLimit } from '../../../src/base/clock.ts';
import { collectGarbage } from '../../support/garbage.ts';
import { virtualClock } from '../../support/clocks.ts';

test('aborts when the time is over', async () => {
  const clock = virtualClock();
  const limit = timeLimit(100, clock, new AbortController().signal);
  await clock.advance(99);
  expect([limit.signal.aborted, limit.isOver()]).toEqual([false, false]);
  await clock.advance(1);
  expect([limit.signal.aborted, limit.isOver()]).toEqual([true, true]);
});

test('aborts with the reason of the outer signal, and then has not timed out', () => {
  const wider = new AbortController();
  const limit = timeLimit(100, virtualClock(), wider.signal);
  wider.abort('enough');
  expect([limit.signal.reason, limit.isOver()]).toEqual(['enough', false]);
  expect(timeLimit(100, virtualClock(), wider.signal).signal.aborted).toBe(true);
});

test('a cleared limit leaves no timer behind', async () => {
  const clock = virtualClock();
  const limit = timeLimit(100, clock, new AbortController().signal);
  limit.clear();
  expect(clock.pending()).toBe(0);
  await clock.advance(200);
  expect(limit.signal.aborted).toBe(false);
});

test('garbage collection does not disable it', async () => {
  const { signal } = timeLimit(5, systemClock, new AbortController().signal);
  collectGarbage();
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
});

test('a limit beyond the range of timers does not expire at once', async () => {
  const limit = timeLimit(1e12, systemClock, new AbortController().signal);
  await systemClock.sleep(5);
  expect(limit.isOver()).toBe(false);
  limit.clear();
});
