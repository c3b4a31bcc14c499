/** Ends what a dead supervisor left: the same proven stop, from the ledger alone. */
import type { Environment } from '../base/environment.ts';
import { systemClock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { FoundContainer } from '../container/in-ledger.ts';
import { appendOwn } from '../host/own-file.ts';
import type { Plan } from '../plan/plan.ts';
import { isAlive } from '../process/identity.ts';
import { childrenInLedger } from '../process/launch.ts';
import { type Ledger, readContainers, readWholeLedger } from '../process/ledger.ts';
import { createTracker, type Tracker } from '../process/tracker.ts';
import {
  appendEvent,
  deadRuns,
  hasKnownSupervisor,
  markSwept,
  readKeeper,
  readPlan,
  type StoredRun,
} from '../run/record.ts';
import type { Workspace } from '../run/folders.ts';
import type { Child } from '../supervisor/contracts.ts';
import { stoppedText, type StopReport } from '../supervisor/events.ts';
import { stopInWaves, type StopOrder } from '../supervisor/shutdown.ts';
import { immediateLimitMs, outwait, quietly, soleReaper, stopLimitMs } from './sole-reaper.ts';
import { type GpuWatch, returnText, watchGpuMemory } from './freed-gpus.ts';
import { sweepRun } from './sweep-run.ts';
import { tidyUp } from './tidy-up.ts';
import { whatIsUnknown } from './unproven.ts';

/** So long a keeper may take to find that all is done: it starts Node for that. */
const keeperMs = 2_000;
/** For a process whose plan cannot be read: as long as Docker gives one. */
const unknownGraceMs = 10_000;

/** What was ended, and what became of its keys in an etcd of others, in words. */
export interface ReapReport extends StopReport {
  readonly keys?: string;
}

/** What is alive of a run, as its ledger proves. */
export function trackerOf({ files }: StoredRun): Tracker {
  const { entries, descendants } = readWholeLedger(files.ledger);
  return createTracker(files.ledger, entries, descendants);
}

/**
 * Needs the ledger and nothing else: no plan, no record, no room on the disk. Stops in the order of the plan where that
 * can be read, but processes named in `first` before all others; with the plan's grace, or at once when `now`. When
 * another process is doing the same already, waits for it instead: nobody gets a second SIGTERM. Throws `left-behind`
 * when the ledger cannot tell all that was started.
 */
export async function reapRun(
  workspace: Workspace,
  run: StoredRun,
  now: boolean,
  first: readonly string[] = [],
): Promise<ReapReport> {
  const report = await reapAlone(workspace, run, now, first);
  if (report.left.length === 0) await untilKeeperLeft(run);
  return report;
}

/**
 * Its keeper wakes up for the same work, and tidies up last: who asked for the end shall find it gone, too. To be called
 * when nothing of the run is left: a keeper that takes long, or is suspended, has nothing to do any more and is ended.
 */
export async function untilKeeperLeft({ files }: StoredRun): Promise<void> {
  const keeper = readKeeper(files);
  if (keeper !== undefined && keeper.pid !== process.pid) await outwait(keeper, keeperMs);
}

async function reapAlone(
  { folders, environment }: Workspace,
  run: StoredRun,
  now: boolean,
  first: readonly string[],
): Promise<ReapReport> {
  const { files, record } = run;
  const plan = readPlan(files);
  const sole = await soleReaper(files, record.runId, now ? immediateLimitMs : stopLimitMs(plan));
  try {
    const ledger = readWholeLedger(files.ledger);
    const tracker = createTracker(files.ledger, ledger.entries, ledger.descendants);
    const children = new Map([...childrenInLedger(tracker, systemClock), ...(await containersOf(ledger))]);
    const report = await stopInWaves(stopOrderOf(plan, [...children.keys()], first), {
      children,
      clock: systemClock,
      enter: () => {},
      isLoading: () => false,
      isImmediate: () => now || sole.overdue,
    });
    const unknown = whatIsUnknown(run, ledger);
    const left = [...report.left, ...unknown];
    quietly(() => appendEvent(files, { at: systemClock.now(), type: 'stopped', ...report, left }));
    const line = `reaped by pid ${process.pid}: ${stoppedText({ ...report, left })}`;
    quietly(() => appendOwn(files.supervisorLog, `${new Date().toISOString()} ${line}\n`));
    const keys = await sweepAgain(run, environment);
    if (unknown.length > 0) throw unknownError(run, ledger, unknown);
    if (report.left.length === 0) tidyUp({ plan, files, folders, record });
    return { ...report, ...(keys === undefined ? {} : { keys }) };
  } finally {
    sole.release();
  }
}

/** Wave by wave as planned; what no plan knows goes together, behind the first wave, which serves the clients. */
function stopOrderOf(plan: Plan | undefined, names: readonly string[], first: readonly string[]): StopOrder {
  const planned = plan?.processes ?? [];
  const unplanned = names
    .filter((name) => !planned.some((spec) => spec.name === name))
    .map((name) => ({ name, kind: 'worker' as const, stopGraceMs: unknownGraceMs, ports: {} }));
  const rest = (plan?.stopOrder ?? []).map((wave) => wave.filter((name) => !first.includes(name)));
  const others = unplanned.map(({ name }) => name).filter((name) => !first.includes(name));
  return {
    processes: [...planned, ...unplanned],
    stopOrder: [first, ...rest.slice(0, 1), others, ...rest.slice(1)].filter((wave) => wave.length > 0),
    stopTimeoutMs: plan?.stopTimeoutMs,
  };
}

function unknownError({ record, files }: StoredRun, ledger: Ledger, unknown: readonly string[]): DynamoError {
  const lack = ledger.missing ? 'it is missing' : 'it does not name all that wrote a log';
  const why = ledger.damage ?? lack;
  return new DynamoError(
    'left-behind',
    `What run ${record.runId} started is not known for certain: its ledger ${files.ledger} cannot tell (${why}).`,
    {
      details: unknown.map((each) => `  ${each}`),
      hint: `dynamo clean --dry-run   # lists what may be its; when all is ended: rm -r ${files.folder}`,
    },
  );
}

/** Removes the keys of a run of which nothing lives from an etcd of others; says what came of it. */
export async function sweepAgain(
  { files }: StoredRun,
  environment: Environment,
): Promise<string | undefined> {
  const plan = readPlan(files);
  const swept = plan === undefined ? undefined : await sweepRun(plan, environment);
  if (swept === undefined) return undefined;
  quietly(() => appendEvent(files, { at: systemClock.now(), type: 'note', text: swept.text }));
  quietly(() => markSwept(files, swept.unswept));
  return swept.text;
}

/** Docker's client is loaded only where there is something to ask it. */
async function containersOf({ containers }: Ledger): Promise<Map<string, Child>> {
  if (containers.length === 0) return new Map();
  const { containersInLedger } = await import('../container/in-ledger.ts');
  return containersInLedger(containers, systemClock);
}

/** Of a run, those that are still there or that nobody can tell about. */
export async function foundContainers({ files }: StoredRun): Promise<FoundContainer[]> {
  const entries = readContainers(files.ledger);
  if (entries.length === 0) return [];
  const { findContainers } = await import('../container/in-ledger.ts');
  return await findContainers(entries);
}

/**
 * Before something new starts: what runs of ours that died left behind is ended, and said by name; and the GPU memory
 * that they held is waited for, so that what starts next finds it.
 */
export async function reapDeadRuns(workspace: Workspace, say: (line: string) => void): Promise<void> {
  for (const run of deadRuns(workspace.folders, isAlive)) {
    // Nobody asked for this: what may be up, as nobody knows its supervisor, is left to `down` and `clean`.
    if (!hasKnownSupervisor(run)) continue;
    const containers = await foundContainers(run);
    const alive = await trackerOf(run).scan();
    const isEmpty = alive.length === 0 && containers.length === 0;
    const found = [
      ...(alive.length > 0 ? [`${alive.length} processes`] : []),
      ...(containers.length > 0 ? [`${containers.length} containers`] : []),
    ];
    if (!isEmpty)
      say(`run ${run.record.runId} lost its supervisor and left ${found.join(' and ')}: ending them`);
    const memory = isEmpty ? undefined : await watchMemoryOf(alive, containers, workspace.environment);
    try {
      const report = await reapRun(workspace, run, false);
      if (!isEmpty) say(`${run.record.runId}: ${stoppedText(report)}`);
      if (report.keys !== undefined) say(`${run.record.runId}: ${report.keys}`);
    } catch (error) {
      // One whose ledger cannot tell all keeps no other run from starting.
      if (!(error instanceof DynamoError)) throw error;
      say(`${run.record.runId}: ${error.message}`);
    }
    const returned = memory === undefined ? undefined : returnText(await memory.returned());
    if (returned !== undefined) say(returned);
  }
}

/** The same end for one run that a person asked for, and what is said about its GPU memory. */
export async function reapAndWait(
  workspace: Workspace,
  run: StoredRun,
  now: boolean,
  say: (line: string) => void,
): Promise<StopReport> {
  const alive = await trackerOf(run).scan();
  const memory = await watchMemoryOf(alive, await foundContainers(run), workspace.environment);
  const report = await reapRun(workspace, run, now);
  if (report.keys !== undefined) say(`${run.record.runId}: ${report.keys}`);
  const returned = returnText(await memory.returned());
  if (returned !== undefined) say(returned);
  return report;
}

async function watchMemoryOf(
  alive: readonly { readonly pid: number }[],
  containers: readonly FoundContainer[],
  environment: Environment,
): Promise<GpuWatch> {
  const ids = containers.flatMap(({ id }) => (id === undefined ? [] : [id.slice(0, 12)]));
  return await watchGpuMemory(new Set(alive.map(({ pid }) => pid)), new Set(ids), environment);
}
