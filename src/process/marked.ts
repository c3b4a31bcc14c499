/** Finds running processes that carry marks of a run. If no ledger proves more, they are only reported. */
import { readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { livingProcesses, type ProcessStat, readStat, readVariable } from './proc.ts';
import { bootId } from './identity.ts';
import type { LedgerEntry } from './ledger.ts';

export interface MarkedProcess {
  readonly pid: number;
  readonly startTime: string;
  readonly runId: string;
  /** Folder of that run, if the process still writes into it; it may belong to another state folder, or be deleted. */
  readonly runFolder?: string;
  /** The marks, in words. */
  readonly evidence: string;
}

/** All except this process and its ancestors, which may be running inside a run. */
export function markedProcesses(living: readonly ProcessStat[] = livingProcesses()): MarkedProcess[] {
  const above = ancestors(living);
  return living.flatMap(({ pid, startTime }): MarkedProcess[] => {
    if (above.has(pid)) return [];
    const marked = readVariable(pid, 'DYNAMO_RUN_ID');
    const logged = logOf(pid);
    const runId = marked ?? logged?.runId;
    if (runId === undefined) return [];
    const evidence = [
      ...(marked === undefined ? [] : [`DYNAMO_RUN_ID=${marked} in its environment`]),
      ...(logged === undefined ? [] : [`its output goes to ${logged.path}`]),
    ];
    const folder = logged === undefined ? {} : { runFolder: dirname(dirname(logged.path)) };
    return [{ pid, startTime, runId, ...folder, evidence: evidence.join(', ') }];
  });
}

/** The log of a run that standard output or error goes to, even if that file was deleted. */
function logOf(pid: number): { runId: string; path: string } | undefined {
  for (const descriptor of [1, 2]) {
    try {
      const path = readlinkSync(`/proc/${pid}/fd/${descriptor}`);
      const runId = /\/dynamo\/runs\/([^/]+)\/logs\/[^/]+\.log( \(deleted\))?$/.exec(path)?.[1];
      if (runId !== undefined) return { runId, path };
    } catch {
      // Closed, or not visible to this user.
    }
  }
  return undefined;
}

function ancestors(living: readonly ProcessStat[]): Set<number> {
  const parents = new Map(living.map(({ pid, ppid }) => [pid, ppid]));
  const above = new Set<number>();
  for (let pid: number | undefined = process.pid; pid !== undefined && !above.has(pid);) {
    above.add(pid);
    pid = parents.get(pid);
  }
  return above;
}

/**
 * Finds processes in a session of the run whose leader has died: they may belong to the run, but the session alone does
 * not prove it. Only those that started after the leader. If the leader is alive or its pid was reused, ownership is
 * certain either way, so nothing is unproven there. The result includes processes that are proven by other evidence.
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
    const evidence = `in the session that ${process} of run ${runId} led as pid ${entry.session}, which has ended: that alone is no proof`;
    return [{ pid, startTime, runId, evidence }];
  });
}
