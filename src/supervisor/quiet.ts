/** How long a worker with requests may show no sign of work before that is suspicious: follows what this worker did before. */
import type { WorkSigns } from './contracts.ts';

/** What was seen of one life of a worker. */
export interface Quiet {
  /** The last signs of work. */
  readonly work: string;
  readonly hasRequests: boolean;
  /** When it last showed work, or was first seen with requests. */
  readonly since: number;
  /** The longest quiet time with requests that ended by itself; forgotten slowly. */
  readonly longestMs: number;
  /** When the last request of our own to it had ended. */
  readonly askedAt?: number;
}

/** A quiet time may be this much longer than the longest one expected. */
const margin = 3;
/**
 * Nothing is waited for longer: OpenAI's clients have given up by then. Also for a worker that has never answered, which
 * compiles kernels for its first request: as long as the request that proves that a deployment serves may take.
 */
export const longestBoundMs = 600_000;
/** Per look that saw work: half in three minutes at a look every five seconds. */
const forgetting = 0.98;

/** A request of ours waits behind the batch that runs; and again not longer than this. */
const longestAskMs = 120_000;
const shortestAskMs = 5_000;

interface LookTime {
  readonly now: number;
  /** Time between two looks: signs may be that much older than they are seen. */
  readonly periodMs: number;
}

/** The state after another look; `before` is absent for a new life. */
export function look(before: Quiet | undefined, signs: WorkSigns, { now, periodMs }: LookTime): Quiet {
  const { work, inFlight, waiting } = signs;
  const hasRequests = inFlight > 0;
  if (before === undefined) return { work, hasRequests, since: now, longestMs: 0 };
  if (!hasRequests) return { ...before, work, hasRequests, since: now };
  // What came while nothing was in flight may have waited for a moment only.
  if (!before.hasRequests) return { ...before, work, hasRequests, since: now };
  if (work === before.work) return before;
  const quietMs = waiting >= inFlight ? 0 : Math.max(0, now - before.since - periodMs);
  const longestMs = Math.max(quietMs, before.longestMs * forgetting);
  return { ...before, work, hasRequests, since: now, longestMs };
}

/** `shortestMs`: `standstillMs` of its plan. */
export function boundMs(
  quiet: Quiet,
  { hasAnswered, expectedMs = 0 }: WorkSigns,
  shortestMs: number,
): number {
  const longest = Math.max(longestBoundMs, shortestMs);
  if (!hasAnswered) return longest;
  return Math.min(longest, Math.max(shortestMs, margin * quiet.longestMs, margin * expectedMs));
}

/** Whether it is time to send it a request, or to send it another. `limitMs`: its bound. */
export function isSuspect(quiet: Quiet, now: number, limitMs: number): boolean {
  const from = Math.max(quiet.since, quiet.askedAt ?? 0);
  return quiet.hasRequests && now - from >= limitMs;
}

/** With the shortest default, a standstill is found 40 s after it began and a few looks. */
export function askWithinMs(bound: number): number {
  return Math.min(longestAskMs, Math.max(shortestAskMs, bound * 0.75));
}
