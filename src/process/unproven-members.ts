/** Finds who is in a session of a run whose leader has died: it may be ours, and the session alone does not prove it. */
import { bootId } from './identity.ts';
import type { LedgerEntry } from './ledger.ts';
import type { MarkedProcess } from './marked.ts';
import { livingProcesses, type ProcessStat, readStat } from './proc.ts';

/**
 * Those that began after the leader. A number that its leader or a stranger holds now tells for certain, so nobody is
 * unproven there. Who is proven otherwise is among them.
 */
export function unprovenMembers(
  entries: readonly LedgerEntry[],
  living: readonly ProcessStat[] = livingProcesses(),
): MarkedProcess[] {
  const leaderless = entries.filter(
    (entry) => entry.bootId === bootId() && readStat(entry.session) === undefined,
  );
  return living.flatMap(({ pid, startTime, session, pgrp }): MarkedProcess[] => {
    const entry = leaderless.findLast(
      (each) =>
        (each.session === session || each.session === pgrp) && Number(each.startTime) <= Number(startTime),
    );
    if (entry === undefined) return [];
    const { runId, process } = entry;
    const evidence = `in the session that ${process} of run ${runId} led as pid ${entry.session}, now dead: that alone is no proof`;
    return [{ pid, startTime, runId, evidence }];
  });
}
