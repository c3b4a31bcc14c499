/** Stops a process and its descendants: SIGTERM to it, then to what outlives it, SIGKILL to what is left; verifies twice. */
import { errorCode } from '../base/error-code.ts';
import type { Clock } from '../base/clock.ts';
import type { StopReport } from '../supervisor/events.ts';
import { cgroupMembers, killCgroup } from './cgroup.ts';
import { isAlive, killGraceMs } from './identity.ts';
import type { LedgerEntry } from './ledger.ts';
import type { OwnedProcess } from './owned.ts';
import { commandLine } from './proc.ts';
import type { Tracker } from './tracker.ts';

export interface TreeStop {
  /** Name in the plan of the process whose tree is stopped. */
  readonly process: string;
  readonly tracker: Tracker;
  readonly graceMs: number;
  readonly clock: Clock;
  /** True once SIGKILL is to be sent now. Not a signal: fifty that are made at once take 1 ms of a stop. */
  readonly isForced: () => boolean;
  /** Settles when its parent learns that the process itself has ended; immediately if it is not our child. Never rejects. */
  readonly leaderEnded: Promise<unknown>;
}

/** Safe to call on a tree that has ended. Processes that fork meanwhile are found by the next scan. */
export async function stopTree(stop: TreeStop): Promise<StopReport> {
  const { clock, graceMs, isForced } = stop;
  let seenEmpty = 0;
  if (graceMs > 0 && !isForced()) {
    const deadline = clock.now() + graceMs;
    const leaders = livingLeaders(stop);
    // Descendants that are reparented when their parents end are recorded now. In a control group, they stay proven.
    if (!leaders.every(({ grouped }) => grouped)) await treeOf(stop);
    terminate(leaders, stop);
    if (await untilEmpty(stop, deadline)) seenEmpty = 1;
  }
  const killed = new Map<number, string>();
  const last = clock.now() + killGraceMs;
  for (let empty = seenEmpty; empty < 2;) {
    const alive = await treeOf(stop);
    empty = alive.length === 0 ? empty + 1 : 0;
    if (alive.length > 0) {
      if (clock.now() > last) return { killed: [...killed.values()], left: alive.map(describe) };
      for (const group of groupsOf(stop)) killCgroup(group);
      for (const owned of alive) {
        killed.set(owned.pid, killed.get(owned.pid) ?? describe(owned));
        signalOne(owned.pid, 'SIGKILL');
      }
      await clock.sleep(2);
    }
  }
  return { killed: [...killed.values()], left: [] };
}

function groupsOf({ tracker, process }: TreeStop): Set<string> {
  return new Set(tracker.entries.flatMap((entry) => (entry.process === process ? (entry.cgroup ?? []) : [])));
}

interface Leader {
  readonly entry: LedgerEntry;
  /** It is a member of its own control group, and so is all that it starts. */
  readonly grouped: boolean;
}

function livingLeaders({ tracker, process }: TreeStop): Leader[] {
  return tracker.entries
    .filter((entry) => entry.process === process)
    .flatMap((entry): Leader[] => {
      const { cgroup, pid } = entry;
      if (tracker.isContained(entry)) return [{ entry, grouped: true }];
      if (cgroup !== undefined && cgroupMembers(cgroup).includes(pid)) return [{ entry, grouped: true }];
      return isAlive(entry) ? [{ entry, grouped: false }] : [];
    });
}

async function treeOf({ tracker, process }: TreeStop): Promise<OwnedProcess[]> {
  return (await tracker.scan()).filter((owned) => owned.process === process);
}

/**
 * Not to its group: SIGTERM kills a scheduler of SGLang immediately, with every stream that it serves. The main process
 * deregisters from the router, lets those streams finish, and then stops its children itself.
 * Source: docs/upstream/processes.md#stopping-an-sglang-worker.
 */
function terminate(leaders: readonly Leader[], { tracker }: TreeStop): void {
  const looked = leaders.some(({ grouped }) => !grouped);
  for (const { entry } of leaders) {
    // The look takes a while.
    if (looked && !isAlive(entry)) continue;
    tracker.ending(entry);
    signalOne(entry.pid, 'SIGTERM');
  }
}

/** Processes that outlive their leader: one signal per group, and one to each that left it, so that none gets it twice. */
function terminateRest({ tracker, process }: TreeStop, rest: readonly OwnedProcess[]): void {
  const groups = new Set(
    tracker.entries.filter((entry) => entry.process === process).map(({ pgrp }) => pgrp),
  );
  // Only groups with a proven member: an old id may have been reused.
  for (const pgrp of new Set(rest.map((owned) => owned.pgrp)))
    if (groups.has(pgrp)) signalOne(-pgrp, 'SIGTERM');
  for (const owned of rest) if (!groups.has(owned.pgrp)) signalOne(owned.pid, 'SIGTERM');
}

/**
 * While a leader is alive, reading one small file is enough. When all leaders are gone, /proc is scanned, and what is left
 * gets SIGTERM too. Checks again when the leader ends, or after a growing pause. False at the deadline.
 */
async function untilEmpty(stop: TreeStop, deadline: number): Promise<boolean> {
  const { clock, isForced, tracker, process, leaderEnded } = stop;
  let hasEnded = false;
  void leaderEnded.then(() => (hasEnded = true));
  const pause = async (ms: number, untilEnd: boolean): Promise<void> => {
    const slept = clock.sleep(Math.min(ms, Math.max(0, deadline - clock.now())));
    await (untilEnd ? Promise.race([slept, leaderEnded]) : slept);
  };
  let terminated = false;
  // Our own child says when it ends; for another, this is no wait.
  await pause(2, true);
  for (let wait = 2; !isForced(); wait = Math.min(wait * 1.5, 50)) {
    const hadEnded = hasEnded;
    if (!tracker.leaderLives(process)) {
      // Its control groups are the first look; the second, in all of /proc, serves all that are stopped together.
      if (tracker.isEmptied(process)) return true;
      const rest = await treeOf(stop);
      if (rest.length === 0) return true;
      if (!terminated) terminateRest(stop, rest);
      terminated = true;
    }
    if (clock.now() >= deadline) return false;
    await pause(wait, !hadEnded);
  }
  return false;
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // A process that may not be signalled (it changed its user) is found by the next scan, and reported as left.
    const code = errorCode(error);
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

function describe(owned: OwnedProcess): string {
  return `${owned.pid} (${commandLine(owned.pid, 60)}, from ${owned.process}, known by ${owned.evidence})`;
}
