/** The clock as a dependency, so that tests of waiting need not wait; and time limits. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the reason of `signal` if that aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  },
};

export interface TimeLimit {
  /** Aborts when the time is up, or with the reason of the wider signal. */
  readonly signal: AbortSignal;
  readonly isOver: () => boolean;
  /** Restarts the time from now, but never beyond the cap. */
  renew(): void;
  /** Call this when the limit is no longer needed. */
  clear(): void;
}

/** The maximum of Node's timers. */
const longestMs = 2 ** 31 - 1;

/**
 * Not `AbortSignal.any([wider, AbortSignal.timeout(ms)])`: nothing references the inner signal there, and once it is
 * garbage collected (seen with Node 20.20) the limit never fires. `capMs`: the maximum including all renewals.
 */
export function timeLimit(ms: number, clock: Clock, wider: AbortSignal, capMs = ms): TimeLimit {
  const limit = new AbortController();
  const cleared = new AbortController();
  const begin = clock.now();
  let end = begin + ms;
  let over = false;
  const wait = async (): Promise<void> => {
    for (let left = ms; left > 0; left = end - clock.now()) {
      await clock.sleep(Math.min(left, longestMs), cleared.signal);
    }
    over = true;
    limit.abort(new Error(`not within ${ms} ms`));
  };
  // It only rejects when it is cleared.
  wait().catch(() => {});
  return {
    signal: AbortSignal.any([wider, limit.signal]),
    isOver: () => over,
    renew: () => {
      end = Math.max(end, Math.min(clock.now() + ms, begin + capMs));
    },
    clear: () => cleared.abort(),
  };
}
