/** Ends one process and all that came from it: SIGTERM to it, then to what outlives it, SIGKILL to what is left, look twice. */
import { errorCode } from '../base/error-code.ts';
import type { Clock } from '../base/clock.ts';
import type { StopReport } from '../supervisor/events.ts';
import { killCgroup } from './cgroup.ts';
import { isAlive, killGraceMs } from './identity.ts';
import type { OwnedProcess } from './owned.ts';
import { commandLine } from './proc.ts';
import type { Tracker } from './tracker.ts';

export interface TreeStop {
  /** Name in the plan of the process whose tree shall end. */
  readonly process: string;
  readonly tracker: Tracker;
  readonly graceMs: number;
  readonly clock: Clock;
  /** Aborts when SIGKILL shall come now. */
  readonly hurry: AbortSignal;
  /** Settles when its parent learns that the process itself has ended, or at once where nobody is told. Never rejects. */
  readonly leaderEnded: Promise<unknown>;
}

/** Safe to call on a tree that has ended. Processes that fork while they are being ended are found by the next look. */
export async function stopTree(stop: TreeStop): Promise<StopReport> {
  const { clock, graceMs, hurry } = stop;
  let seenEmpty = 0;
  if (graceMs > 0 && !hurry.aborted) {
    const deadline = clock.now() + graceMs;
    // What leaves its parents when they end is known from now on.
    await treeOf(stop);
    askLeader(stop);
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

async function treeOf({ tracker, process }: TreeStop): Promise<OwnedProcess[]> {
  return (await tracker.look()).filter((owned) => owned.process === process);
}

/**
 * Not to its group: a scheduler of SGLang dies of SIGTERM at once, with every stream that it serves, while the main process
 * takes its leave of the router, lets those streams finish, and then ends its children itself.
 * Source: docs/upstream/processes.md#stopping-an-sglang-worker.
 */
function askLeader({ tracker, process }: TreeStop): void {
  for (const entry of tracker.entries)
    if (entry.process === process && isAlive(entry)) signalOne(entry.pid, 'SIGTERM');
}

/** What outlives its leader: each group once, and by hand those that left it, so that nobody gets a second SIGTERM. */
function askRest({ tracker, process }: TreeStop, rest: readonly OwnedProcess[]): void {
  const groups = new Set(
    tracker.entries.filter((entry) => entry.process === process).map(({ pgrp }) => pgrp),
  );
  // Only groups with a proven member: an old id may belong to somebody else by now.
  for (const pgrp of new Set(rest.map((owned) => owned.pgrp)))
    if (groups.has(pgrp)) signalOne(-pgrp, 'SIGTERM');
  for (const owned of rest) if (!groups.has(owned.pgrp)) signalOne(owned.pid, 'SIGTERM');
}

/**
 * While a leader lives, one small file tells so; only when all are gone, all of /proc is searched, and who is left is asked,
 * too. Looks again as soon as it is told of its end, or after a while that grows. False at the deadline.
 */
async function untilEmpty(stop: TreeStop, deadline: number): Promise<boolean> {
  const { clock, hurry, tracker, process, leaderEnded } = stop;
  const wake = new AbortController();
  void leaderEnded.then(() => wake.abort());
  let asked = false;
  for (let wait = 2; !hurry.aborted; wait = Math.min(wait * 1.5, 50)) {
    const wasTold = wake.signal.aborted;
    if (!tracker.leaderLives(process)) {
      const rest = await treeOf(stop);
      if (rest.length === 0) return true;
      if (!asked) askRest(stop, rest);
      asked = true;
    }
    const leftMs = deadline - clock.now();
    if (leftMs <= 0) return false;
    const pause = clock.sleep(Math.min(wait, leftMs), ...(wasTold ? [] : [wake.signal]));
    await pause.catch(() => {});
  }
  return false;
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // One that may not be signalled (it became another user's) is found by the next look, and told as left.
    const code = errorCode(error);
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

function describe(owned: OwnedProcess): string {
  return `${owned.pid} (${commandLine(owned.pid, 60)}, from ${owned.process}, known by ${owned.evidence})`;
}
