/** Time as a value that comes in, so that tests of waiting need not wait. */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the reason of `signal` when that aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  },
};

export interface TimeLimit {
  /** Aborts when the time is over, or with the reason of the wider signal. */
  readonly signal: AbortSignal;
  readonly isOver: () => boolean;
  /** Counts the time anew from now on, but never beyond the cap. */
  renew(): void;
  /** To be called when the limit is not needed any more. */
  clear(): void;
}

/** Timers of Node take no more. */
const longestMs = 2 ** 31 - 1;

/**
 * Not `AbortSignal.any([wider, AbortSignal.timeout(ms)])`: nothing holds the inner signal there, and once it is
 * collected as garbage (seen with Node 20.20) the time is never over. `capMs`: how long it may be with all renewals.
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
  // It fails only by being cleared.
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
