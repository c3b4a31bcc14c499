/** Ends what a dead supervisor left: the same proven stop, from the ledger. */
import { appendFileSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import type { FoundContainer } from '../../container/in-ledger.ts';
import { isAlive, ownIdentity } from '../../process/identity.ts';
import { childrenInLedger } from '../../process/launch.ts';
import { readContainers, readDescendants, readLedger } from '../../process/ledger.ts';
import { createTracker, type Tracker } from '../../process/tracker.ts';
import { claim, unclaim } from '../../run/claim.ts';
import { appendEvent } from '../../run/event-file.ts';
import type { StateFolders } from '../../run/folders.ts';
import { deadRuns, markSwept, readKeeper, readPlan, type StoredRun } from '../../run/record.ts';
import type { Child, StopReport } from '../../supervisor/child.ts';
import { stopInWaves } from '../../supervisor/stop-in-waves.ts';
import { stoppedText } from '../../view/progress-lines.ts';
import { type GpuWatch, returnText, watchGpuMemory } from './gpu-return.ts';
import { sweepRun } from './sweep-run.ts';
import { tidyUp } from './tidy-up.ts';

/** So long a keeper may take to find that all is done: it starts Node for that. */
const keeperMs = 2_000;

/** What was ended, and what became of its keys in an etcd of others, in words. */
export interface ReapReport extends StopReport {
  readonly keys?: string;
}

/** What is alive of a run, as its ledger proves. */
export function trackerOf({ files }: StoredRun): Tracker {
  return createTracker(files.ledger, readLedger(files.ledger), readDescendants(files.ledger));
}

/**
 * Stops in the order of the plan, but processes named in `first` before all others; with the plan's grace, or at once
 * when `now`. When another process is doing the same already, waits for it instead: nobody gets a second SIGTERM.
 */
export async function reapRun(
  folders: StateFolders,
  run: StoredRun,
  now: boolean,
  first: readonly string[] = [],
): Promise<ReapReport> {
  const report = await reapAlone(folders, run, now, first);
  await untilKeeperLeft(run);
  return report;
}

/** Its keeper wakes up for the same work, and tidies up last: who asked for the end shall find it gone, too. */
export async function untilKeeperLeft({ files }: StoredRun): Promise<void> {
  const keeper = readKeeper(files);
  if (keeper === undefined || keeper.pid === process.pid) return;
  const deadline = systemClock.now() + keeperMs;
  while (isAlive(keeper) && systemClock.now() < deadline) await systemClock.sleep(5);
}

async function reapAlone(
  folders: StateFolders,
  run: StoredRun,
  now: boolean,
  first: readonly string[],
): Promise<ReapReport> {
  const { files, record } = run;
  const plan = readPlan(files);
  const mine = { runId: record.runId, holder: ownIdentity() };
  if (plan === undefined) return { killed: [], left: [] };
  for (;;) {
    const other = claim(files.reaper, mine, isAlive);
    if (other === undefined) break;
    while (isAlive(other.holder)) await systemClock.sleep(10);
  }
  try {
    const tracker = trackerOf(run);
    const children = new Map([...childrenInLedger(tracker, systemClock), ...(await containersOf(run))]);
    const rest = plan.stopOrder.map((wave) => wave.filter((name) => !first.includes(name)));
    const report = await stopInWaves(
      { ...plan, stopOrder: [first, ...rest] },
      {
        children,
        clock: systemClock,
        enter: () => {},
        isLoading: () => false,
        graceless: () => now,
      },
    );
    appendEvent(files, { at: systemClock.now(), type: 'stopped', ...report });
    appendFileSync(
      files.supervisorLog,
      `${new Date().toISOString()} reaped by pid ${process.pid}: ${stoppedText(report)}\n`,
    );
    const keys = await sweepAgain(run);
    if (report.left.length === 0) tidyUp({ plan, files, folders });
    return { ...report, ...(keys === undefined ? {} : { keys }) };
  } finally {
    unclaim(files.reaper, mine, isAlive);
  }
}

/** Removes the keys of a run of which nothing lives from an etcd of others; says what came of it. */
export async function sweepAgain({ files }: StoredRun): Promise<string | undefined> {
  const plan = readPlan(files);
  const swept = plan === undefined ? undefined : await sweepRun(plan);
  if (swept === undefined) return undefined;
  appendEvent(files, { at: systemClock.now(), type: 'note', text: swept.text });
  markSwept(files, swept.unswept);
  return swept.text;
}

/** Docker's client is loaded only where there is something to ask it. */
async function containersOf({ files }: StoredRun): Promise<Map<string, Child>> {
  const entries = readContainers(files.ledger);
  if (entries.length === 0) return new Map();
  const { containersInLedger } = await import('../../container/in-ledger.ts');
  return containersInLedger(entries, systemClock);
}

/** Of a run, those that are still there or that nobody can tell about. */
export async function foundContainers({ files }: StoredRun): Promise<FoundContainer[]> {
  const entries = readContainers(files.ledger);
  if (entries.length === 0) return [];
  const { findContainers } = await import('../../container/in-ledger.ts');
  return await findContainers(entries);
}

/**
 * Before something new starts: what runs of ours that died left behind is ended, and said by name; and the GPU memory
 * that they held is waited for, so that what starts next finds it.
 */
export async function reapDeadRuns(folders: StateFolders, say: (line: string) => void): Promise<void> {
  for (const run of deadRuns(folders, isAlive)) {
    const containers = await foundContainers(run);
    const alive = await trackerOf(run).look();
    if (alive.length === 0 && containers.length === 0) {
      const { keys } = await reapRun(folders, run, false);
      if (keys !== undefined) say(`${run.record.runId}: ${keys}`);
      continue;
    }
    const found = [
      ...(alive.length > 0 ? [`${alive.length} processes`] : []),
      ...(containers.length > 0 ? [`${containers.length} containers`] : []),
    ];
    say(`run ${run.record.runId} lost its supervisor and left ${found.join(' and ')}: ending them`);
    const memory = await watchMemoryOf(alive, containers);
    const report = await reapRun(folders, run, false);
    say(`${run.record.runId}: ${stoppedText(report)}`);
    if (report.keys !== undefined) say(`${run.record.runId}: ${report.keys}`);
    const returned = returnText(await memory.returned());
    if (returned !== undefined) say(returned);
  }
}

/** The same end for one run that a person asked for, and what is said about its GPU memory. */
export async function reapAndWait(
  folders: StateFolders,
  run: StoredRun,
  now: boolean,
  say: (line: string) => void,
): Promise<StopReport> {
  const memory = await watchMemoryOf(await trackerOf(run).look(), await foundContainers(run));
  const report = await reapRun(folders, run, now);
  if (report.keys !== undefined) say(`${run.record.runId}: ${report.keys}`);
  const returned = returnText(await memory.returned());
  if (returned !== undefined) say(returned);
  return report;
}

async function watchMemoryOf(
  alive: readonly { readonly pid: number }[],
  containers: readonly FoundContainer[],
): Promise<GpuWatch> {
  const ids = containers.flatMap(({ id }) => (id === undefined ? [] : [id.slice(0, 12)]));
  return await watchGpuMemory(new Set(alive.map(({ pid }) => pid)), new Set(ids));
}
