/** Whose a session is: its number is a pid, which the kernel gives to others once nobody of the session is left. */
import { uptime } from 'node:os';
import type { LedgerEntry } from './ledger.ts';
import { type ProcessStat, readStat, tickMs } from './proc.ts';

export interface SessionProof {
  /** Name in the plan of the process that led it. */
  readonly process: string;
  /** Members that began later than this tick of the clock are not proven by the session; Infinity where all are. */
  readonly untilTick: number;
}

/** The present in the unit of start times in /proc: clock ticks after boot. */
function tickNow(): number {
  return Math.round((uptime() * 1000) / tickMs);
}

/**
 * Sessions and groups of these entries, by number. All members are ours while the leader lives, or while one is left
 * that is `known` by more than the session, as no number in use is given out again. After that only those are that
 * began before the leader was seen to be gone: a session is inherited at birth alone. Of a leader that was gone before
 * anybody looked nothing is proven, as a stranger with its pid may have led another session since.
 */
export function provenSessions(
  entries: readonly LedgerEntry[],
  living: readonly ProcessStat[],
  known: readonly ProcessStat[],
  ends: ReadonlyMap<LedgerEntry, number>,
): Map<number, SessionProof> {
  const startOf = new Map(living.map(({ pid, startTime }) => [pid, startTime]));
  const inUse = new Set(known.flatMap(({ session, pgrp }) => [session, pgrp]));
  return new Map(
    entries.flatMap((entry): [number, SessionProof][] => {
      const { session, process, startTime } = entry;
      // One that nobody has reaped yet is dead, and holds its pid all the same.
      const leader = startOf.get(session) ?? readStat(session)?.startTime;
      // A stranger has the pid.
      if (leader !== undefined && leader !== startTime) return [];
      const untilTick = leader !== undefined || inUse.has(session) ? Infinity : ends.get(entry);
      return untilTick === undefined ? [] : [[session, { process, untilTick }]];
    }),
  );
}

/**
 * Who was alive at one look and gone at the next ended in between. Where that is no longer than this, the end counts
 * from the second: for a stranger to be taken for ours, the kernel, which gives pids out in turn, would have to give
 * him just this one in that time, and he would have to lead a session, start a child there and be gone.
 */
const closeTicks = 1_000 / tickMs;

interface LeaderEnds {
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
