/** A clock that stands still until a test moves it. */
import { type Clock, systemClock } from '../../src/base/clock.ts';

export interface VirtualClock extends Clock {
  /** Lets `ms` pass: everything that is due happens in order, each with all that follows from it. */
  advance(ms: number): Promise<void>;
  /** How many sleepers wait. */
  pending(): number;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

export function virtualClock(begin = 0): VirtualClock {
  let time = begin;
  const sleepers = new Set<Sleeper>();
  const next = (until: number): Sleeper | undefined => {
    const due = [...sleepers].filter(({ at }) => at <= until);
    return due.reduce<Sleeper | undefined>(
      (first, one) => (first === undefined || one.at < first.at ? one : first),
      undefined,
    );
  };
  return {
    now: () => time,
    pending: () => sleepers.size,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const sleeper: Sleeper = {
          at: time + Math.max(0, ms),
          wake: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', giveUp);
            resolve();
          },
        };
        const giveUp = (): void => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', giveUp, { once: true });
        sleepers.add(sleeper);
      }),
    advance: async (ms) => {
      const until = time + ms;
      await settle();
      for (let due = next(until); due !== undefined; due = next(until)) {
        time = due.at;
        due.wake();
        await settle();
      }
      time = until;
    },
  };
}

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

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
