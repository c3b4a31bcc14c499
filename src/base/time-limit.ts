/** A time limit as a signal, within a wider one. */
import type { Clock } from './clock.ts';

export interface TimeLimit {
  /** Aborts when the time is over, or with the reason of the wider signal. */
  readonly signal: AbortSignal;
  readonly isOver: () => boolean;
  /** To be called when the limit is not needed any more. */
  clear(): void;
}

/** Timers of Node take no more. */
const longestMs = 2 ** 31 - 1;

/**
 * Not `AbortSignal.any([wider, AbortSignal.timeout(ms)])`: nothing holds the inner signal there, and once it is
 * collected as garbage (seen with Node 20.20) the time is never over.
 */
export function timeLimit(ms: number, clock: Clock, wider: AbortSignal): TimeLimit {
  const limit = new AbortController();
  const cleared = new AbortController();
  let over = false;
  const wait = async (): Promise<void> => {
    await clock.sleep(Math.min(ms, longestMs), cleared.signal);
    over = true;
    limit.abort(new Error(`not within ${ms} ms`));
  };
  // It fails only by being cleared.
  wait().catch(() => {});
  return {
    signal: AbortSignal.any([wider, limit.signal]),
    isOver: () => over,
    clear: () => cleared.abort(),
  };
}
