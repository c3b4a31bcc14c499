/** Runs as `ps` shows them: from their supervisors, and from their files where a supervisor is gone. */
import { existsSync } from 'node:fs';
import type { Environment } from '../../base/environment.ts';
import { clientUrl, type Plan, type ProcessSpec } from '../../plan/plan.ts';
import { isAlive, presenceOf } from '../../process/identity.ts';
import { takeLook } from '../../process/proc.ts';
import type { OwnedProcess } from '../../process/owned.ts';
import { type Usage, usageByProcess } from '../../process/usage.ts';
import { readClaim, livingHolder } from '../../run/claim.ts';
import { readEvents, readPlan, type StoredRun } from '../../run/record.ts';
import { type StateFolders, stateFolders } from '../../run/folders.ts';
import { doingText } from '../../supervisor/progress.ts';
import { initialStatus, type ProcessStatus, reduce, type RunStatus } from '../../supervisor/status.ts';
import type { ProcessView, RunView } from '../../view/run-table.ts';
import { findRun } from '../../deployment/find-run.ts';
import { hasEnded } from '../../view/run-history.ts';
import { knownRuns } from '../../deployment/kept-runs.ts';
import { trackerOf } from '../../deployment/reap-run.ts';
import { supervisorState, type SupervisorState, troubleOf } from '../../deployment/ask-supervisor.ts';

/** CPU time and memory of all processes at one moment; the next sample is compared with it. */
export interface UsageSample {
  readonly at: number;
  readonly byRun: ReadonlyMap<string, ReadonlyMap<string, Usage>>;
  /** Of the runs whose plan can be read. */
  readonly plans: ReadonlyMap<string, Plan>;
}

/** Which runs are looked at: for each of the others only its record is read. */
export type Wanted =
  | { readonly only: string }
  /** All that may be up, and so many of those that have ended, the newest. */
  | { readonly ended: number };

interface SeenRuns {
  readonly views: RunView[];
  readonly sample: UsageSample;
  /** Runs that have ended and were not looked at. */
  readonly others: number;
}

/** Of this machine; none where only clusters can be looked at. `before`: as for `runViews`. */
export async function lookAtRuns(
  environment: Environment,
  wanted: Wanted,
  before?: UsageSample,
): Promise<SeenRuns> {
  if (process.platform !== 'linux')
    return { views: [], sample: { at: Date.now(), byRun: new Map(), plans: new Map() }, others: 0 };
  return await runViews(stateFolders(environment), wanted, before);
}

export interface Choice {
  readonly wanted: Wanted;
  readonly chosen: (views: readonly RunView[]) => RunView[];
}

/** The runs of this machine to show: that with this name or id, or all that are up. Throws `run-not-found`. */
export function runsNamed(asked: string | undefined, environment: Environment): Choice {
  if (asked === undefined)
    return { wanted: { ended: 0 }, chosen: (views) => views.filter((view) => !hasEnded(view)) };
  const only = findRun(stateFolders(environment), asked).record.runId;
  return { wanted: { only }, chosen: (views) => [...views] };
}

/** Newest last. */
function wantedOf(runs: readonly StoredRun[], wanted: Wanted): readonly StoredRun[] {
  if ('only' in wanted) return runs.filter(({ record }) => record.runId === wanted.only);
  const over = runs.filter(({ record, supervised }) => record.endedAt !== undefined && !supervised);
  const left = new Set(over.slice(0, Math.max(0, over.length - wanted.ended)));
  return runs.filter((run) => !left.has(run));
}

/** With `before`, CPU use is the rate since that sample; without it, the average over the life of a process. */
async function runViews(folders: StateFolders, wanted: Wanted, before?: UsageSample): Promise<SeenRuns> {
  const byRun = new Map<string, ReadonlyMap<string, Usage>>();
  const plans = new Map<string, Plan>();
  const at = Date.now();
  const look = takeLook();
  const stored = await knownRuns(folders, look.living);
  const runs = wantedOf(stored, wanted);
  const views = await Promise.all(
    runs.map(async (run) => {
      const living = run.record.endedAt !== undefined ? [] : trackerOf(run).search(look);
      const usage = usageByProcess(living);
      byRun.set(run.record.runId, usage);
      const rate = (name: string): number | undefined => {
        const now = usage.get(name);
        const then = before?.byRun.get(run.record.runId)?.get(name);
        if (now === undefined) return undefined;
        // Lower than before: the process was restarted.
        const used = then === undefined || then.cpuMs > now.cpuMs ? undefined : now.cpuMs - then.cpuMs;
        return used === undefined || before === undefined
          ? (100 * now.cpuMs) / Math.max(1, now.ageMs)
          : (100 * used) / Math.max(1, at - before.at);
      };
      const plan = readPlan(run.files);
      if (plan !== undefined) plans.set(run.record.runId, plan);
      return await viewOf(folders, { run, plan, living, usage, rate });
    }),
  );
  return {
    views: views.filter((view) => view !== undefined),
    sample: { at, byRun, plans },
    others: stored.length - runs.length,
  };
}

interface Seen {
  readonly run: StoredRun;
  /** `undefined` if it cannot be read. */
  readonly plan: Plan | undefined;
  readonly living: readonly OwnedProcess[];
  /** By process, of `living`. */
  readonly usage: ReadonlyMap<string, Usage>;
  /** In percent of one processor. */
  readonly rate: (process: string) => number | undefined;
}

async function viewOf(
  folders: StateFolders,
  { run, plan, living, usage, rate }: Seen,
): Promise<RunView | undefined> {
  const { record, files } = run;
  if (plan === undefined && record.endedAt !== undefined) return undefined;
  const supervisor = await supervisorState(folders, run);
  if (plan === undefined) return damagedView({ run, living, usage }, supervisor);
  const stored = (): RunStatus => readEvents(files).reduce(reduce, initialStatus(plan, record.startedAt));
  const status = supervisor.kind === 'answering' ? supervisor.status : stored();
  const trouble = troubleOf(run, supervisor) ?? reaperTrouble(run);
  const ended = status.phase === 'failed' ? 'failed' : 'stopped';
  const without = run.damage === undefined ? ended : 'record unreadable';
  const processView = (spec: ProcessSpec): ProcessView => {
    const known = status.processes[spec.name];
    const alive = run.supervised || living.some((owned) => owned.process === spec.name);
    const since = known?.since ?? record.startedAt;
    return {
      name: spec.name,
      state: alive ? (known?.state ?? 'pending') : known?.state === 'failed' ? 'failed' : 'stopped',
      health: alive ? healthOf(known) : '-',
      ...(alive && known?.progress !== undefined ? { progress: known.progress } : {}),
      pid: known?.pid,
      restarts: known?.restarts ?? 0,
      cpuPercent: rate(spec.name),
      memoryBytes: usage.get(spec.name)?.memoryBytes,
      gpus: spec.gpus,
      ports: spec.ports,
      since: new Date(since).toISOString(),
    };
  };
  return {
    runId: record.runId,
    name: record.name,
    profile: plan.profile.name,
    engine: plan.engine,
    state: run.supervised ? status.phase : living.length > 0 ? 'orphaned' : without,
    url: clientUrl(plan),
    startedAt: new Date(record.startedAt).toISOString(),
    ...(record.endedAt === undefined ? {} : { endedAt: new Date(record.endedAt).toISOString() }),
    detached: record.detached,
    supervisorPid: record.supervisor.pid,
    supervisor: supervisor.kind,
    ...(trouble === undefined ? {} : { trouble }),
    logs: files.logs,
    ...(status.failure === undefined ? {} : { failure: status.failure }),
    processes: plan.processes.map(processView),
  };
}

/** A keeper or a `down` that ends what a dead supervisor left, and is itself suspended. */
function reaperTrouble({ record, files }: StoredRun): string | undefined {
  if (record.endedAt !== undefined) return undefined;
  const standing = readClaim(files.reaper);
  const holder = standing === undefined ? undefined : livingHolder(standing, isAlive);
  if (holder === undefined || presenceOf(holder) !== 'suspended') return undefined;
  return `pid ${holder.pid}, which is cleaning up after it, is suspended (stopped by a signal): kill -CONT ${holder.pid}, or dynamo down ${record.name}`;
}

function healthOf(known: ProcessStatus | undefined): string {
  if (known?.unhealthy !== undefined) return `unhealthy: ${known.unhealthy}`;
  if (known?.state === 'ready') return 'healthy';
  if (known?.state !== 'starting' && known?.state !== 'started') return '-';
  const { progress } = known;
  return progress === undefined ? 'starting' : `starting: ${doingText(progress)}`;
}

/** One whose plan cannot be read: what the supervisor, the ledger and the claims say, so that it can be ended. */
function damagedView(
  { run: { record, files }, living, usage }: Omit<Seen, 'rate' | 'plan'>,
  supervisor: SupervisorState,
): RunView {
  const told = supervisor.kind === 'answering' ? supervisor.status.processes : {};
  const since = new Date(record.startedAt).toISOString();
  const processes = [...new Set([...Object.keys(told), ...usage.keys()])].map((name): ProcessView => {
    const [known, used] = [told[name], usage.get(name)];
    return {
      name,
      state: known?.state ?? 'unknown',
      pid:
        known?.pid ?? living.find(({ process, evidence }) => process === name && evidence === 'ledger')?.pid,
      health: healthOf(known),
      restarts: known?.restarts ?? 0,
      cpuPercent: used === undefined ? undefined : (100 * used.cpuMs) / Math.max(1, used.ageMs),
      memoryBytes: used?.memoryBytes,
      gpus: [],
      ports: {},
      since: known?.since === undefined ? since : new Date(known.since).toISOString(),
    };
  });
  return {
    runId: record.runId,
    name: record.name,
    profile: record.runId,
    engine: 'unknown engine',
    state: existsSync(files.folder) ? 'record unreadable' : 'folder removed',
    url: '',
    startedAt: since,
    detached: record.detached,
    supervisorPid: record.supervisor.pid,
    supervisor: supervisor.kind,
    logs: files.logs,
    processes,
  };
}
