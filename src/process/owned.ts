/** Finds every running process that a ledger proves to belong to a run, even if it left its group or renamed itself. */
import { dirname } from 'node:path';
import type { DescendantEntry, LedgerEntry } from './ledger.ts';
import { cgroupMembers, isPopulated } from './cgroup.ts';
import { bootId } from './identity.ts';
import { type Look, overwroteEnvironment, type ProcessStat, readVariable, takeLook } from './proc.ts';
import { provenSessions, type SessionProof } from './session-proof.ts';

export type Evidence = 'ledger' | 'seen' | 'control group' | 'session' | 'parent' | 'marks';

export interface OwnedProcess extends ProcessStat {
  /** Name in the plan of the process that it descends from. */
  readonly process: string;
  readonly evidence: Evidence;
  /** It is a member of a control group of the run, whatever else proves it. */
  readonly inGroup: boolean;
}

/**
 * Running processes that descend from these entries, parents before children.
 * No single mark is sufficient: SGLang's schedulers wipe their environment with setproctitle, children may call setsid,
 * a double fork loses the parent (docs/upstream/processes.md#titles-and-environments). Accepted as proof are only marks
 * that no process has by chance, or pairs of marks: a process with one half of a pair is listed, never signalled.
 * `ends`: for entries whose process has ended, the clock tick at which that was observed.
 */
export function findOwned(
  entries: readonly LedgerEntry[],
  descendants: readonly DescendantEntry[] = [],
  ends: ReadonlyMap<LedgerEntry, number> = new Map(),
  look: Look = takeLook(),
): OwnedProcess[] {
  const mine = entries.filter((entry) => entry.bootId === bootId());
  if (mine.length === 0) return [];
  const { living } = look;
  const byIdentity = new Map<string, Origin>(
    descendants
      .filter((each) => each.bootId === bootId())
      .map((each) => [keyOf(each), { process: each.process, evidence: 'seen' }]),
  );
  for (const entry of mine) byIdentity.set(keyOf(entry), { process: entry.process, evidence: 'ledger' });
  const earliest = Math.min(...mine.map(({ startTime }) => Number(startTime)));
  const young = living.filter(({ pid, startTime }) => pid !== process.pid && Number(startTime) >= earliest);
  const grouped = groupMembers(mine);
  const known = young.filter((stat) => grouped.has(stat.pid) || byIdentity.has(keyOf(stat)));
  const sessions = provenSessions(mine, living, known, ends);
  const owned = new Map<number, OwnedProcess>();
  for (const stat of young) {
    const group = grouped.get(stat.pid);
    const found =
      byIdentity.get(keyOf(stat)) ??
      (group === undefined ? undefined : { process: group, evidence: 'control group' as const }) ??
      bySession(stat, sessions) ??
      byMarks(stat.pid, look, mine);
    if (found !== undefined) owned.set(stat.pid, { ...stat, ...found, inGroup: group !== undefined });
  }
  addDescendants(young, owned);
  return [...owned.values()];
}

interface Origin {
  readonly process: string;
  readonly evidence: Evidence;
}

function keyOf({ pid, startTime }: { readonly pid: number; readonly startTime: string }): string {
  return `${pid}@${startTime}`;
}

/** A process cannot leave its control group by forking, by setsid, or in any other way that needs no write access there. */
function groupMembers(entries: readonly LedgerEntry[]): Map<number, string> {
  const groups = new Map(
    entries.flatMap(({ cgroup, process }) => (cgroup === undefined ? [] : [[cgroup, process]])),
  );
  // While a run is being stopped, one small file shows that all its groups are empty.
  const inUse = new Set([...new Set([...groups.keys()].map(dirname))].filter(isPopulated));
  return new Map(
    [...groups]
      .filter(([folder]) => inUse.has(dirname(folder)))
      .flatMap(([folder, process]) => cgroupMembers(folder).map((pid) => [pid, process])),
  );
}

function bySession(
  { session, pgrp, startTime }: ProcessStat,
  sessions: ReadonlyMap<number, SessionProof>,
): Origin | undefined {
  const proof = sessions.get(session) ?? sessions.get(pgrp);
  if (proof === undefined || Number(startTime) > proof.untilTick) return undefined;
  return { process: proof.process, evidence: 'session' };
}

/**
 * Requires two marks of the same process of the plan. First, it writes to the log that the ledger names, which it has
 * inherited or opened on purpose. Second, it has the variables of the run; or both its streams go to that log and it has
 * overwritten its environment with a title, as SGLang's schedulers do. One mark alone proves nothing: a user's shell may
 * have the variables, and any process may write to a log.
 */
function byMarks(pid: number, look: Look, entries: readonly LedgerEntry[]): Origin | undefined {
  const [out, err] = look.outputsOf(pid);
  const logged = entries.filter(({ logFile }) => logFile !== '' && (logFile === out || logFile === err));
  const [first] = logged;
  if (first === undefined) return undefined;
  const [runId, process] = [readVariable(pid, 'DYNAMO_RUN_ID'), readVariable(pid, 'DYNAMO_PROCESS')];
  const isMarked = logged.some((entry) => entry.runId === runId && entry.process === process);
  const isTitled = (): boolean => out === err && overwroteEnvironment(pid);
  return isMarked || isTitled() ? { process: first.process, evidence: 'marks' } : undefined;
}

function addDescendants(living: readonly ProcessStat[], owned: Map<number, OwnedProcess>): void {
  for (let grown = true; grown;) {
    grown = false;
    for (const stat of living) {
      const parent = owned.get(stat.ppid);
      if (parent === undefined || owned.has(stat.pid)) continue;
      owned.set(stat.pid, { ...stat, process: parent.process, evidence: 'parent', inGroup: false });
      grown = true;
    }
  }
}
