/** Whether a session belongs to a run: its id is a pid, which the kernel reuses once the session is empty. */
import { uptime } from 'node:os';
import type { LedgerEntry } from './ledger.ts';
import { type ProcessStat, readStat, tickMs } from './proc.ts';

export interface SessionProof {
  /** Name in the plan of the process that led it. */
  readonly process: string;
  /** Members that started after this clock tick are not proven by the session; Infinity if all members are. */
  readonly untilTick: number;
}

/** The current time in the unit of start times in /proc: clock ticks since boot. */
function tickNow(): number {
  return Math.round((uptime() * 1000) / tickMs);
}

/**
 * Sessions and groups of these entries, by id; only those with `living` members. All members belong to the run while the
 * leader is alive, or while a member remains that is `known` by other evidence, because an id in use is not reused. After
 * that, only members that started before the leader was found dead belong to it: a session is inherited at birth only. If
 * the leader was dead before it was first checked, nothing is proven: an unrelated process with its pid may have led
 * another session since.
 */
export function provenSessions(
  entries: readonly LedgerEntry[],
  living: readonly ProcessStat[],
  known: readonly ProcessStat[],
  ends: ReadonlyMap<LedgerEntry, number>,
): Map<number, SessionProof> {
  const startOf = new Map(living.map(({ pid, startTime }) => [pid, startTime]));
  const inUse = new Set(known.flatMap(({ session, pgrp }) => [session, pgrp]));
  const withMembers = new Set(living.flatMap(({ session, pgrp }) => [session, pgrp]));
  return new Map(
    entries.flatMap((entry): [number, SessionProof][] => {
      const { session, process, startTime } = entry;
      if (!withMembers.has(session)) return [];
      // A zombie is dead, but still holds its pid.
      const leader = startOf.get(session) ?? readStat(session)?.startTime;
      // An unrelated process has the pid.
      if (leader !== undefined && leader !== startTime) return [];
      const untilTick = leader !== undefined || inUse.has(session) ? Infinity : ends.get(entry);
      return untilTick === undefined ? [] : [[session, { process, untilTick }]];
    }),
  );
}

/**
 * A leader that was alive at one scan and gone at the next ended in between. If the scans are at most this far apart, the
 * later one counts as its end. To be mistaken for a process of the run, an unrelated process would have to get this very
 * pid in that time (the kernel assigns pids in turn), lead a session, start a child in it, and end.
 */
const closeTicks = 1_000 / tickMs;

interface LeaderEnds {
  /** For each entry that has ended, the clock tick at which that was observed. */
  readonly ticks: ReadonlyMap<LedgerEntry, number>;
  saw(entry: LedgerEntry, alive: boolean): void;
  /** Its parent calls this as soon as it learns that the process has ended. */
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
