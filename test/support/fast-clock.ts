/** A clock for waits against real servers, which must not take as long as they say. */
import { type Clock, systemClock } from '../../src/base/clock.ts';

/** Time passes only in pauses, and fast there: so waiting for ten seconds takes no time, however slow the machine is. */
export function fastClock(): Clock {
  let now = 0;
  const pauseMs = 1_000;
  return {
    now: () => now,
    sleep: async (ms, signal) => {
      if (ms >= pauseMs) {
        const end = now + ms;
        const over = (): boolean => now >= end;
        while (!over()) await systemClock.sleep(1, signal);
        return;
      }
      await systemClock.sleep(1, signal);
      now += ms * 50;
    },
  };
}
