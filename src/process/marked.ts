/** Finds living processes that carry marks of a run: to be reported where no ledger proves more. */
import { readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { livingProcesses, type ProcessStat, readStat, readVariable } from './proc.ts';
import { bootId } from './identity.ts';
import type { LedgerEntry } from './ledger.ts';

export interface MarkedProcess {
  readonly pid: number;
  readonly startTime: string;
  readonly runId: string;
  /** Folder of that run, where the process still writes into it; it may be of another state folder, or deleted. */
  readonly runFolder?: string;
  /** The marks, in words. */
  readonly evidence: string;
}

/** All but this process and those that it comes from, which may be working within a run. */
export function markedProcesses(): MarkedProcess[] {
  const living = livingProcesses();
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

/** Standard output or error into the log of a run, also when that file was deleted. */
function logOf(pid: number): { runId: string; path: string } | undefined {
  for (const descriptor of [1, 2]) {
    try {
      const path = readlinkSync(`/proc/${pid}/fd/${descriptor}`);
      const runId = /\/dynamo\/runs\/([^/]+)\/logs\/[^/]+\.log( \(deleted\))?$/.exec(path)?.[1];
      if (runId !== undefined) return { runId, path };
    } catch {
      // closed, or not ours to see
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
