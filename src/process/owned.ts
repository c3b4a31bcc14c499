/** Finds every living process that a ledger proves to be ours, also those that left their group or renamed themselves. */
import type { DescendantEntry, LedgerEntry } from './ledger.ts';
import { cgroupMembers } from './cgroup.ts';
import { bootId } from './identity.ts';
import { fileOf, livingProcesses, type ProcessStat, readVariable } from './proc.ts';

export type Evidence = 'ledger' | 'seen' | 'control group' | 'session' | 'parent' | 'log file' | 'marker';

export interface OwnedProcess extends ProcessStat {
  /** Name in the plan of the process that it comes from. */
  readonly process: string;
  readonly evidence: Evidence;
}

/**
 * Living processes that come from these entries, parents before children.
 * No single mark is enough: SGLang's schedulers wipe their environment with setproctitle, children may call setsid,
 * a double fork loses the parent. Source: upstream/sglang-on-gpu.md section 4.
 */
export function findOwned(
  entries: readonly LedgerEntry[],
  descendants: readonly DescendantEntry[] = [],
): OwnedProcess[] {
  const mine = entries.filter((entry) => entry.bootId === bootId());
  if (mine.length === 0) return [];
  const earliest = mine.reduce(
    (least, { startTime }) => (BigInt(startTime) < least ? BigInt(startTime) : least),
    BigInt(mine[0]?.startTime ?? 0),
  );
  const living = livingProcesses();
  const byPid = new Map(living.map((stat) => [stat.pid, stat]));
  const sessions = liveSessions(mine, byPid);
  const grouped = groupMembers(mine);
  const young = living.filter((stat) => stat.pid !== process.pid && BigInt(stat.startTime) >= earliest);
  const owned = new Map<number, OwnedProcess>();
  for (const stat of young) {
    const found = byItself(stat, mine, sessions, grouped) ?? seenBefore(stat, descendants);
    if (found !== undefined) owned.set(stat.pid, { ...stat, ...found });
  }
  addDescendants(young, owned);
  return [...owned.values()];
}

/** Sessions that are still the ones our processes led: their leader is gone, or is exactly ours. */
function liveSessions(
  entries: readonly LedgerEntry[],
  byPid: ReadonlyMap<number, ProcessStat>,
): Map<number, string> {
  const valid = entries.filter(({ session, startTime }) => {
    const leader = byPid.get(session);
    return leader === undefined || leader.startTime === startTime;
  });
  return new Map(valid.map(({ session, process }) => [session, process]));
}

/** Nobody leaves a control group by forking, by setsid or by any other way that needs no right to write there. */
function groupMembers(entries: readonly LedgerEntry[]): Map<number, string> {
  const groups = new Map(
    entries.flatMap(({ cgroup, process }) => (cgroup === undefined ? [] : [[cgroup, process]])),
  );
  return new Map(
    [...groups].flatMap(([folder, process]) => cgroupMembers(folder).map((pid) => [pid, process])),
  );
}

function byItself(
  stat: ProcessStat,
  entries: readonly LedgerEntry[],
  sessions: ReadonlyMap<number, string>,
  grouped: ReadonlyMap<number, string>,
): { process: string; evidence: Evidence } | undefined {
  const entry = entries.find(({ pid, startTime }) => pid === stat.pid && startTime === stat.startTime);
  if (entry !== undefined) return { process: entry.process, evidence: 'ledger' };
  const group = grouped.get(stat.pid);
  if (group !== undefined) return { process: group, evidence: 'control group' };
  const session = sessions.get(stat.session) ?? sessions.get(stat.pgrp);
  if (session !== undefined) return { process: session, evidence: 'session' };
  const log = fileOf(stat.pid, 1) ?? fileOf(stat.pid, 2);
  const logged = entries.find(({ logFile }) => logFile === log);
  if (logged !== undefined) return { process: logged.process, evidence: 'log file' };
  const runId = readVariable(stat.pid, 'DYNAMO_RUN_ID');
  const marked = runId === undefined ? undefined : entries.find((candidate) => candidate.runId === runId);
  if (marked === undefined) return undefined;
  return { process: readVariable(stat.pid, 'DYNAMO_PROCESS') ?? marked.process, evidence: 'marker' };
}

function seenBefore(
  stat: ProcessStat,
  descendants: readonly DescendantEntry[],
): { process: string; evidence: Evidence } | undefined {
  const found = descendants.find(
    (each) => each.pid === stat.pid && each.startTime === stat.startTime && each.bootId === bootId(),
  );
  return found && { process: found.process, evidence: 'seen' };
}

function addDescendants(living: readonly ProcessStat[], owned: Map<number, OwnedProcess>): void {
  for (let grown = true; grown;) {
    grown = false;
    for (const stat of living) {
      const parent = owned.get(stat.ppid);
      if (parent === undefined || owned.has(stat.pid)) continue;
      owned.set(stat.pid, { ...stat, process: parent.process, evidence: 'parent' });
      grown = true;
    }
  }
}
