/** A run as `ps` shows it: from its supervisor, and from its files where that is gone. */
import { clientUrl, type ProcessSpec } from '../../plan/plan.ts';
import { isAlive, presenceOf } from '../../process/identity.ts';
import type { OwnedProcess } from '../../process/owned.ts';
import { type Usage, usageByProcess } from '../../process/usage.ts';
import { readClaim, livingHolder } from '../../run/claim.ts';
import { readEvents, readPlan, type StoredRun, storedRuns } from '../../run/record.ts';
import type { StateFolders } from '../../run/folders.ts';
import { progressText } from '../../supervisor/progress.ts';
import { initialStatus, type ProcessStatus, reduce, type RunStatus } from '../../supervisor/status.ts';
import type { ProcessView, RunView } from '../../view/run-table.ts';
import { damagedView } from './damaged-view.ts';
import { trackerOf } from '../../deployment/reap-run.ts';
import { supervisorState, troubleOf } from '../../deployment/ask-supervisor.ts';

/** What a look saw of the processes that are used up, for the rate until the next look. */
export interface UsageSample {
  readonly at: number;
  readonly byRun: ReadonlyMap<string, ReadonlyMap<string, Usage>>;
}

/** `before` makes processor use the rate since then; without it, that over the whole life. */
export async function runViews(
  folders: StateFolders,
  before?: UsageSample,
): Promise<{ views: RunView[]; sample: UsageSample }> {
  const byRun = new Map<string, ReadonlyMap<string, Usage>>();
  const at = Date.now();
  const views = await Promise.all(
    storedRuns(folders, isAlive).map(async (run) => {
      const living = run.record.endedAt === undefined ? await trackerOf(run).scan() : [];
      const usage = usageByProcess(living);
      byRun.set(run.record.runId, usage);
      const rate = (name: string): number | undefined => {
        const now = usage.get(name);
        const then = before?.byRun.get(run.record.runId)?.get(name);
        if (now === undefined) return undefined;
        // A restarted process has used less than the one before it had.
        const used = then === undefined || then.cpuMs > now.cpuMs ? undefined : now.cpuMs - then.cpuMs;
        return used === undefined || before === undefined
          ? (100 * now.cpuMs) / Math.max(1, now.ageMs)
          : (100 * used) / Math.max(1, at - before.at);
      };
      return await viewOf(folders, run, living, usage, rate);
    }),
  );
  return { views: views.filter((view) => view !== undefined), sample: { at, byRun } };
}

async function viewOf(
  folders: StateFolders,
  run: StoredRun,
  living: readonly OwnedProcess[],
  usage: ReadonlyMap<string, Usage>,
  rate: (name: string) => number | undefined,
): Promise<RunView | undefined> {
  const { record, files } = run;
  const plan = readPlan(files);
  if (plan === undefined && record.endedAt !== undefined) return undefined;
  const supervisor = await supervisorState(folders, run);
  if (plan === undefined) return damagedView(run, living, usage, supervisor.kind);
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
    detached: record.detached,
    supervisorPid: record.supervisor.pid,
    supervisor: supervisor.kind,
    ...(trouble === undefined ? {} : { trouble }),
    logs: files.logs,
    ...(status.failure === undefined ? {} : { failure: status.failure }),
    processes: plan.processes.map(processView),
  };
}

/** Its keeper, or a `down`, that ends what a dead supervisor left and stands still over it. */
function reaperTrouble({ record, files }: StoredRun): string | undefined {
  if (record.endedAt !== undefined) return undefined;
  const standing = readClaim(files.reaper);
  const holder = standing === undefined ? undefined : livingHolder(standing, isAlive);
  if (holder === undefined || presenceOf(holder) !== 'suspended') return undefined;
  return `pid ${holder.pid}, which ends what is left of it, is suspended (stopped by a signal): kill -CONT ${holder.pid}, or dynamo down ${record.name}`;
}

function healthOf(known: ProcessStatus | undefined): string {
  if (known?.unhealthy !== undefined) return `unhealthy: ${known.unhealthy}`;
  if (known?.state === 'ready') return 'healthy';
  if (known?.state !== 'starting' && known?.state !== 'started') return '-';
  const { progress } = known;
  return progress === undefined ? 'starting' : `starting: ${progress.doing} ${progressText(progress)}`;
}
