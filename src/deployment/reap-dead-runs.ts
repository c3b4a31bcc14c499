/** Before a new start: ends the runs whose supervisors have died. */
import { systemClock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import { removeAbandonedCgroups } from '../process/cgroup.ts';
import { isAlive } from '../process/identity.ts';
import { readWholeLedger } from '../process/ledger.ts';
import { takeLook } from '../process/proc.ts';
import { createTracker } from '../process/tracker.ts';
import type { Workspace } from '../run/folders.ts';
import { deadRuns, hasKnownSupervisor, isDead, mayLackRuns, type StoredRun } from '../run/record.ts';
import { stoppedText } from '../supervisor/events.ts';
import {
  foundContainers,
  reapAlone,
  type Reaping,
  type ReapReport,
  reapRun,
  trackerOf,
  untilRecordedKeeperGone,
  watchMemoryOf,
} from './reap-run.ts';

/**
 * Before a new start: stops and reports what dead runs left behind, and waits for their GPU memory, so that the next run can
 * use it.
 */
export async function reapDeadRuns(workspace: Workspace, say: (line: string) => void): Promise<void> {
  // The user did not ask for this: a run whose supervisor is unknown may be up, and is left to `down` and `clean`.
  const dead = (await allDeadRuns(workspace)).filter(hasKnownSupervisor);
  const empty = new Set(await emptyRuns(dead));
  for (const run of dead) {
    if (empty.has(run)) {
      await telling(run, say, async () => await reapAlone(workspace, run, reapEmpty));
      await untilRecordedKeeperGone(run.files);
      continue;
    }
    const containers = await foundContainers(run);
    const alive = await trackerOf(run).scan();
    const isEmpty = alive.length === 0 && containers.length === 0;
    const found = [
      ...(alive.length > 0 ? [`${alive.length} processes`] : []),
      ...(containers.length > 0 ? [`${containers.length} containers`] : []),
    ];
    if (!isEmpty)
      say(`run ${run.record.runId} lost its supervisor and left ${found.join(' and ')}: stopping them`);
    const freed = isEmpty ? undefined : await watchMemoryOf(alive, containers, workspace.environment);
    await telling(run, say, async () => {
      const report = await reapRun(workspace, run, false);
      if (!isEmpty) say(`${run.record.runId}: ${stoppedText(report)}`);
      return report;
    });
    const returned = await freed?.();
    if (returned !== undefined) say(returned);
  }
  removeAbandonedCgroups();
}

/** Also those that only their keepers know. Looks for them only if a claim shows that there may be one: a start is fast. */
async function allDeadRuns({ folders }: Workspace): Promise<readonly StoredRun[]> {
  if (!mayLackRuns(folders, isAlive)) return deadRuns(folders, isAlive);
  const { knownRuns } = await import('./kept-runs.ts');
  return (await knownRuns(folders)).filter(isDead);
}

/** Runs with no container and no process, seen twice. Two looks at /proc serve all of them. */
async function emptyRuns(dead: readonly StoredRun[]): Promise<StoredRun[]> {
  if (dead.length === 0) return [];
  const seen = dead.map((run) => ({ run, ledger: readWholeLedger(run.files.ledger) }));
  const seenEmpty = (among: typeof seen): typeof seen => {
    const look = takeLook();
    return among.filter(({ run: { files }, ledger: { entries, descendants, containers } }) => {
      const tracker = createTracker(files.ledger, entries, descendants);
      return containers.length === 0 && tracker.search(look).length === 0;
    });
  };
  const once = seenEmpty(seen);
  // A process that was being started during the first look is running by now, or has ended.
  await systemClock.sleep(betweenLooksMs);
  return seenEmpty(once).map(({ run }) => run);
}

const betweenLooksMs = 2;

const reapEmpty: Reaping = { now: false, first: [], isEmpty: true };

async function telling(
  { record: { runId } }: StoredRun,
  say: (line: string) => void,
  reap: () => Promise<ReapReport>,
): Promise<void> {
  try {
    const { keys, overdue } = await reap();
    for (const text of [overdue, keys]) if (text !== undefined) say(`${runId}: ${text}`);
  } catch (error) {
    // An incomplete ledger must not prevent other runs from starting.
    if (!(error instanceof DynamoError)) throw error;
    say(`${runId}: ${error.message}`);
  }
}
