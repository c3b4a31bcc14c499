/** Remembers when the leaders of a run's sessions ended, as far as somebody looked on. */
import type { LedgerEntry } from './ledger.ts';
import { tickMs } from './proc.ts';
import { tickNow } from './session-proof.ts';

/**
 * Who was alive at one look and gone at the next ended in between. Where that is no longer than this, the end counts
 * from the second: for a stranger to be taken for ours, the kernel, which gives pids out in turn, would have to give
 * him just this one in that time, and he would have to lead a session, start a child there and be gone.
 */
const closeTicks = 1_000 / tickMs;

export interface LeaderEnds {
  /** For each that has ended, the tick of the clock by which that was seen. */
  readonly ticks: ReadonlyMap<LedgerEntry, number>;
  saw(entry: LedgerEntry, alive: boolean): void;
  /** To be called by its parent, in the very moment in which it learns that it has ended. */
  ended(entry: LedgerEntry): void;
}

export function leaderEnds(): LeaderEnds {
  const ticks = new Map<LedgerEntry, number>();
  const aliveAt = new Map<LedgerEntry, number>();
  return {
    ticks,
    saw: (entry, alive) => {
      if (ticks.has(entry)) return;
      const now = tickNow();
      const last = aliveAt.get(entry);
      if (alive) aliveAt.set(entry, now);
      else if (last !== undefined) ticks.set(entry, now - last <= closeTicks ? now : last);
    },
    ended: (entry) => {
      if (!ticks.has(entry)) ticks.set(entry, tickNow());
    },
  };
}
