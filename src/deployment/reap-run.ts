/** Stops what a dead supervisor left: the same verified stop, from the ledger alone. */
import { existsSync } from 'node:fs';
import type { Environment } from '../base/environment.ts';
import { systemClock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { FoundContainer } from '../container/in-ledger.ts';
import { appendOwn } from '../host/own-file.ts';
import type { Plan } from '../plan/plan.ts';
import { removeCgroup } from '../process/cgroup.ts';
import { isAlive, ownIdentity } from '../process/identity.ts';
import { releaseAllPorts } from '../run/leases.ts';
import { childrenInLedger } from '../process/launch.ts';
import { type Ledger, readContainers, readWholeLedger } from '../process/ledger.ts';
import type { ProcessStat } from '../process/proc.ts';
import { createTracker, type Tracker } from '../process/tracker.ts';
import { appendEvent, markSwept, readKeeper, readPlan, type StoredRun } from '../run/record.ts';
import type { RunFiles, Workspace } from '../run/folders.ts';
import type { Child } from '../supervisor/contracts.ts';
import { stoppedText, type StopReport } from '../supervisor/events.ts';
import { stopInWaves, type StopOrder } from '../supervisor/shutdown.ts';
import { immediateLimitMs, outwait, quietly, soleReaper, stopLimitMs } from './sole-reaper.ts';
import { sweepRun } from './sweep-run.ts';
import { tidyUp } from './tidy-up.ts';
import { whatIsUnknown } from './unproven.ts';

/** How long a keeper may take to find that everything is done: it starts Node for that. */
const keeperMs = 2_000;
/** For a process whose plan cannot be read: the same as Docker's default. */
const unknownGraceMs = 10_000;

/** What was stopped, and the result of removing its keys from an external etcd, in words. */
export interface ReapReport extends StopReport {
  readonly keys?: string;
  /** Another process that was doing the same used up its time, in words. */
  readonly overdue?: string;
}

/** The running processes of a run, as its ledger proves. */
export function trackerOf({ files }: StoredRun): Tracker {
  const { entries, descendants } = readWholeLedger(files.ledger);
  return createTracker(files.ledger, entries, descendants);
}

/**
 * Needs only the ledger: no plan, no record, no disk space. Stops in the order of the plan if that can be read, but processes in
 * `first` before all others; with the plan's grace periods, or immediately if `now`. If another process is already doing the
 * same, waits for it instead, so that no process gets a second SIGTERM. Throws `left-behind` if the ledger may be incomplete.
 */
export async function reapRun(
  workspace: Workspace,
  run: StoredRun,
  now: boolean,
  first: readonly string[] = [],
): Promise<ReapReport> {
  const report = await reapAlone(workspace, run, { now, first });
  return report.left.length > 0 ? report : { ...report, left: await untilKeeperGone(run) };
}

/**
 * The keeper wakes up for the same work and cleans up last; wait for it, so that it is gone too. Call this when nothing of the
 * run is left: a keeper that takes long or is suspended has nothing left to do, and is killed. Returns those that survive that.
 * It is in /proc whatever its record says. `living`: of a look at /proc since the supervisor died.
 */
export async function untilKeeperGone(
  { files }: StoredRun,
  living?: readonly ProcessStat[],
): Promise<string[]> {
  const { keepersAtWork } = await import('./kept-runs.ts');
  const left = [];
  for (const keeper of await keepersAtWork(files, living))
    if ((await outwait(keeper, keeperMs)) === 'stuck') left.push(`${keeper.pid} (keeper)`);
  await untilRecordedKeeperGone(files);
  return left;
}

/** The keeper that its record names: it may have been replaced since. */
export async function untilRecordedKeeperGone(files: RunFiles): Promise<void> {
  const keeper = readKeeper(files);
  if (keeper !== undefined && keeper.pid !== process.pid) await outwait(keeper, keeperMs);
}

/** Its keeper has the ledger open, if only that was removed. */
async function findLedger({ files }: StoredRun): Promise<void> {
  if (existsSync(files.ledger)) return;
  const { readRemovedLedger } = await import('./kept-runs.ts');
  await readRemovedLedger(files);
}

/** How a dead run is ended. */
export interface Reaping {
  readonly now: boolean;
  readonly first: readonly string[];
  /** Two looks at /proc found none of its processes, and it has had no container. */
  readonly isEmpty?: boolean;
}

const nothingStopped: StopReport = { killed: [], left: [] };

async function stopOwned(
  files: RunFiles,
  ledger: Ledger,
  plan: Plan | undefined,
  { now, first }: Reaping,
): Promise<StopReport> {
  const tracker = createTracker(files.ledger, ledger.entries, ledger.descendants);
  const children = new Map([...childrenInLedger(tracker, systemClock), ...(await containersOf(ledger))]);
  return await stopInWaves(stopOrderOf(plan, [...children.keys()], first), {
    children,
    clock: systemClock,
    enter: () => {},
    isLoading: () => false,
    isImmediate: () => now,
  });
}

/** Like `reapRun`, but does not wait for the keeper. */
export async function reapAlone(
  { folders, environment }: Workspace,
  run: StoredRun,
  how: Reaping,
): Promise<ReapReport> {
  const { files, record } = run;
  const { now } = how;
  const plan = readPlan(files);
  await findLedger(run);
  const sole = await soleReaper(files, record.runId, now ? immediateLimitMs : stopLimitMs(plan));
  const { overdue } = sole;
  try {
    const ledger = readWholeLedger(files.ledger);
    const report =
      how.isEmpty === true
        ? nothingStopped
        : await stopOwned(files, ledger, plan, { ...how, now: now || overdue !== undefined });
    const unknown = whatIsUnknown(run, ledger);
    const left = [...report.left, ...unknown];
    quietly(() => appendEvent(files, { at: systemClock.now(), type: 'stopped', ...report, left }));
    const line = `reaped by pid ${process.pid}: ${stoppedText({ ...report, left })}`;
    quietly(() => appendOwn(files.supervisorLog, `${new Date().toISOString()} ${line}\n`));
    const keys = await sweepAgain(run, environment);
    if (unknown.length > 0) throw unknownError(run, ledger, unknown);
    if (report.left.length === 0) {
      for (const cgroup of ledger.cgroups) removeCgroup(cgroup);
      tidyUp({ plan, files, folders, record });
      // A change that was interrupted may have leased ports that are in no plan.
      quietly(() => releaseAllPorts(folders, { runId: record.runId, holder: ownIdentity() }, isAlive));
    }
    return {
      ...report,
      ...(keys === undefined ? {} : { keys }),
      ...(overdue === undefined ? {} : { overdue }),
    };
  } finally {
    sole.release();
  }
}

/** In the waves of the plan. Processes that are not in the plan stop together after the first wave, which serves the clients. */
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
  const lack = ledger.missing ? 'it is missing' : 'it does not list every process that wrote a log';
  const why = ledger.damage ?? lack;
  return new DynamoError(
    'left-behind',
    `Processes of run ${record.runId} may be left: its ledger ${files.ledger} is incomplete (${why}).`,
    {
      details: unknown.map((each) => `  ${each}`),
      hint: `dynamo clean --dry-run   # lists them; when all have ended: rm -r ${files.folder}`,
      fields: { runId: record.runId, file: files.ledger },
    },
  );
}

/** Removes the keys of an ended run from an external etcd; returns the result in words. */
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

/** Docker's client is loaded only if there are containers. */
async function containersOf({ containers }: Ledger): Promise<Map<string, Child>> {
  if (containers.length === 0) return new Map();
  const { containersInLedger } = await import('../container/in-ledger.ts');
  return containersInLedger(containers, systemClock);
}

/** The containers of a run that still exist, or of which nothing is known. */
export async function foundContainers({ files }: StoredRun): Promise<FoundContainer[]> {
  const entries = readContainers(files.ledger);
  if (entries.length === 0) return [];
  const { findContainers } = await import('../container/in-ledger.ts');
  return await findContainers(entries);
}

/** The same for a run that the user asked to stop; waits until its GPU memory is free, and says how much that was. */
export async function reapAndWait(
  workspace: Workspace,
  run: StoredRun,
  now: boolean,
  say: (line: string) => void,
): Promise<StopReport> {
  await findLedger(run);
  const alive = await trackerOf(run).scan();
  const freed = await watchMemoryOf(alive, await foundContainers(run), workspace.environment);
  const report = await reapRun(workspace, run, now);
  for (const text of [report.overdue, report.keys])
    if (text !== undefined) say(`${run.record.runId}: ${text}`);
  const returned = await freed();
  if (returned !== undefined) say(returned);
  return report;
}

/** What it returns waits until their GPU memory is free, and says how much that was. */
export async function watchMemoryOf(
  alive: readonly { readonly pid: number }[],
  containers: readonly FoundContainer[],
  environment: Environment,
): Promise<() => Promise<string | undefined>> {
  const { returnText, watchGpuMemory } = await import('./freed-gpus.ts');
  const ids = containers.flatMap(({ id }) => (id === undefined ? [] : [id.slice(0, 12)]));
  const watch = await watchGpuMemory(new Set(alive.map(({ pid }) => pid)), new Set(ids), environment);
  return async () => returnText(await watch.returned());
}
