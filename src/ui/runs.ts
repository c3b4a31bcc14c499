/** The runs of this user as the page lists them, and what is in the plan of one. */
import { concealWords } from '../base/secrets.ts';
import { quote } from '../base/terminal-text.ts';
import { supervisorState, troubleOf } from '../deployment/ask-supervisor.ts';
import { trackerOf } from '../deployment/reap-run.ts';
import type { ProcessDetail, RunDetail, RunState, RunSummary } from '../page/messages.ts';
import {
  clientUrl,
  isServing,
  type Plan,
  type ProcessSpec,
  runsModel,
  spansFile,
  startsAfter,
} from '../plan/plan.ts';
import { isAlive } from '../process/identity.ts';
import type { StateFolders } from '../run/folders.ts';
import { readEvents, readPlan, type StoredRun, storedRuns } from '../run/record.ts';
import { initialStatus, type Phase, reduce } from '../supervisor/status.ts';
import { firstPhaseOf } from '../supervisor/timings.ts';

/** Ended runs beyond these are only counted. */
const mostEnded = 30;

export interface RunList {
  readonly runs: readonly RunSummary[];
  /** Ended runs that are not listed. */
  readonly older: number;
}

/** Remembers what cannot change any more, so that a look at a hundred ended runs costs little. */
export function runLister(folders: StateFolders): () => Promise<RunList> {
  const ended = new Map<string, RunSummary>();
  return async () => {
    const stored = storedRuns(folders, isAlive).toReversed();
    const [up, over] = [stored.filter(isUp), stored.filter((run) => !isUp(run))];
    const kept = over.slice(0, mostEnded);
    const summaries = await Promise.all(
      [...up, ...kept].map(async (run) => {
        const known = ended.get(run.record.runId);
        if (known !== undefined) return known;
        const summary = await summaryOf(folders, run);
        if (run.record.endedAt !== undefined) ended.set(run.record.runId, summary);
        return summary;
      }),
    );
    return { runs: summaries, older: over.length - kept.length };
  };
}

function isUp({ record, supervised }: StoredRun): boolean {
  return supervised || record.endedAt === undefined;
}

async function summaryOf(folders: StateFolders, run: StoredRun): Promise<RunSummary> {
  const { record, files, supervised, damage } = run;
  const plan = readPlan(files);
  const { runId, name, startedAt, endedAt } = record;
  const common = {
    runId,
    name,
    profile: plan?.profile.name ?? 'unknown profile',
    engine: plan?.engine ?? 'unknown engine',
    startedAt,
    ...(endedAt === undefined ? {} : { endedAt }),
    supervised,
  };
  if (plan === undefined || damage !== undefined)
    return { ...common, state: 'unreadable', trouble: `dynamo down ${runId}   # ends what its ledger lists` };
  if (!supervised) return { ...common, ...(await withoutSupervisor(run, plan)) };
  const state = await supervisorState(folders, run);
  const trouble = troubleOf(run, state);
  return {
    ...common,
    state: state.kind === 'answering' ? state.status.phase : storedPhase(run, plan),
    ...(trouble === undefined ? {} : { trouble }),
  };
}

function storedPhase({ record, files }: StoredRun, plan: Plan): Phase {
  return readEvents(files).reduce(reduce, initialStatus(plan, record.startedAt)).phase;
}

async function withoutSupervisor(
  run: StoredRun,
  plan: Plan,
): Promise<{ readonly state: RunState; readonly trouble?: string }> {
  const { record, files } = run;
  const living = record.endedAt === undefined ? await trackerOf(run).scan() : [];
  if (living.length > 0)
    return {
      state: 'orphaned',
      trouble: `its supervisor died; dynamo down ${record.name} ends what is left`,
    };
  // A supervisor that was killed recorded no end.
  const failed =
    readEvents(files).reduce(reduce, initialStatus(plan, record.startedAt)).failure !== undefined;
  return { state: failed ? 'failed' : 'stopped' };
}

/** `undefined` without a plan that can be read. */
export function detailOf(run: StoredRun): RunDetail | undefined {
  const { record, files } = run;
  const plan = readPlan(files);
  if (plan === undefined) return undefined;
  const { runId, name, profile, engine, choices } = plan;
  const frontend = plan.processes.find(({ kind }) => kind === 'frontend');
  const router = frontend === undefined ? undefined : routerOf(frontend.argv);
  return {
    runId,
    name,
    profile: profile.name,
    description: profile.description,
    engine,
    ...(runsModel(plan) ? { model: plan.model.servedName } : {}),
    url: clientUrl(plan),
    ...(isServing(plan) ? { serves: plan.proof.request } : {}),
    ...(router === undefined ? {} : { router }),
    startedAt: record.startedAt,
    detached: record.detached,
    recordsRequests:
      frontend?.env['DYN_REQUEST_TRACE'] !== undefined ||
      plan.processes.some(({ argv }) => argv.includes(spansFile(plan))),
    version: record.version,
    folder: files.folder,
    processes: plan.processes.map((spec) => processOf(spec, plan)),
    choices,
  };
}

function processOf(spec: ProcessSpec, plan: Plan): ProcessDetail {
  const { policy, maxRestarts } = spec.restart;
  return {
    name: spec.name,
    kind: spec.kind,
    component: spec.component,
    ...(spec.mode === undefined ? {} : { mode: spec.mode }),
    ports: { ...spec.ports },
    gpus: spec.gpus,
    dependsOn: startsAfter(spec, plan),
    restarts: maxRestarts === undefined ? policy : `${policy}, at most ${maxRestarts} times`,
    ...(spec.ifLost === undefined ? {} : { ifLost: spec.ifLost }),
    logFile: spec.logFile,
    firstPhase: firstPhaseOf(spec),
    command: concealWords(spec.argv).map(quote).join(' '),
  };
}

/** The frontends of all engines have the same flag. */
function routerOf(argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word) => word === '--router-mode' || word.startsWith('--router-mode='));
  const word = argv[at];
  return word === undefined ? undefined : (word.split('=')[1] ?? argv[at + 1]);
}
