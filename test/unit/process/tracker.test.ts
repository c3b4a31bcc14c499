/** How often all of /proc may be scanned. */
import { expect, test } from 'vitest';
import { scanPace } from '../../../src/process/tracker.ts';

/** Scans of this duration as often as allowed; returns when each began. */
function search(forMs: number, eachMs: number, from = 0): number[] {
  const pace = scanPace();
  const begins: number[] = [];
  for (let now = from; now < from + forMs;) {
    now += pace.pauseMs(now);
    begins.push(now);
    pace.took(now, now + eachMs);
    now += eachMs;
  }
  return begins;
}

test('a few scans may run back to back', () => {
  expect(search(50, 10, 1_000)).toEqual([1_000, 1_010, 1_020, 1_030, 1_040]);
});

test.each([1, 10, 400])('endless scanning gets half of the time, with scans of %i ms', (eachMs) => {
  const busyMs = search(100_000, eachMs).length * eachMs;
  expect(busyMs).toBeGreaterThan(49_000);
  expect(busyMs).toBeLessThan(51_000);
});

test('after a pause, a burst is allowed again', () => {
  const pace = scanPace();
  pace.took(0, 500);
  expect(pace.pauseMs(500)).toBe(400);
  expect(pace.pauseMs(900)).toBe(0);
  pace.took(2_000, 2_090);
  expect(pace.pauseMs(2_090)).toBe(0);
});
