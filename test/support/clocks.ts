/** Clocks for tests: one that only a test advances, and one that is faster than real time. */
import { type Clock, systemClock } from '../../src/base/clock.ts';

export interface VirtualClock extends Clock {
  /** Lets `ms` pass: everything that is due happens in order, each with its consequences. */
  advance(ms: number): Promise<void>;
  /** Number of sleepers. */
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

/** Lets everything happen that takes no time. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

/** For waits against real servers: time passes only in pauses, and fast, so that a wait of ten seconds takes no time. */
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
