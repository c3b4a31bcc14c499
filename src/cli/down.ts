/** `dynamo down`: stops runs in order, then checks independently whether anything is left. */
import type { Environment } from '../base/environment.ts';
import { isAlive } from '../process/identity.ts';
import { takeLook } from '../process/proc.ts';
import { stateFolders, type StateFolders, type Workspace } from '../run/folders.ts';
import { isDead, readKeeper, readPlan, storedRuns, type StoredRun } from '../run/record.ts';
import { stoppedText, type StopReport } from '../supervisor/events.ts';
import { drawsOnStderr, type Progress, silentProgress, progressLines } from '../view/progress.ts';
import { reportEndedFailure } from './report.ts';
import { leftBehindError } from '../deployment/failure-error.ts';
import { findRun, onlyLiveRun, runAsItIs } from '../deployment/find-run.ts';
import { stopBySupervisor } from './down/stop-by-supervisor.ts';
import { isInfraOnly } from '../deployment/infra-facts.ts';
import { type ClusterRun, clusterRuns } from '../kubernetes/records.ts';
import { chosenOnCluster } from './kubernetes/chosen.ts';
import { addPlaceOptions, namesPlace, type PlaceFlags } from './kubernetes/place-options.ts';
import { requireLinux } from '../package/platform.ts';
import { leftAlone } from '../deployment/unproven.ts';
import { type KnownRun, knownRuns } from '../deployment/kept-runs.ts';
import { reapAndWait, trackerOf, untilKeeperGone } from '../deployment/reap-run.ts';
import type { Configure } from './verb.ts';

const examples = `
Examples:
  dynamo down              stop the run that is up
  dynamo down disagg       stop the run named disagg
  dynamo down --all        stop every run

A deployment that this host created on a cluster is found by its name; to stop another one that dynamo created, use
--on kubernetes, --context and --namespace. What dynamo did not create is never deleted.`;

export interface DownFlags extends PlaceFlags {
  readonly all?: true;
  readonly now?: true;
  readonly quiet?: true;
}

export const configure: Configure = (command, settle, environment) => {
  addPlaceOptions(command)
    .argument('[run]', 'name or id of a run; default: the one that is up')
    .option('-a, --all', 'stop every run')
    .option('--now', 'send SIGKILL at once, without SIGTERM first')
    .option('-q, --quiet', 'print only errors')
    .addHelpText('after', examples)
    .action(async (asked: string | undefined, flags: DownFlags) =>
      settle(await down(asked, flags, environment)),
    );
};

/** Throws `left-behind` when anything is left after SIGKILL. */
export async function down(
  asked: string | undefined,
  flags: DownFlags,
  environment: Environment,
): Promise<number> {
  const all = flags.all === true && asked === undefined && !namesPlace(flags);
  if (all) {
    // One after the other, as both write to the terminal; a failure here leaves nothing up there.
    const far = clusterRuns(environment);
    const none = far.length === 0 ? 'no runs are up' : 'no other runs are up';
    const here = process.platform === 'linux' ? downHere(asked, flags, environment, none) : 0;
    await Promise.allSettled([here]);
    const there = endClusterRuns(far, flags, environment);
    await Promise.allSettled([there]);
    await here;
    await there;
    return 0;
  }
  const cluster = await chosenOnCluster(asked, flags, 'down', environment);
  if (cluster === undefined) return await downHere(asked, flags, environment);
  await endClusterRuns([cluster], flags, environment);
  return 0;
}

async function downHere(
  asked: string | undefined,
  flags: DownFlags,
  environment: Environment,
  none = 'no runs are up',
): Promise<number> {
  requireLinux('down');
  const folders = stateFolders(environment);
  const now = flags.now === true;
  const runs = await chosenRuns(folders, asked, flags);
  const quiet = flags.quiet === true;
  if (runs.length === 0 && !quiet) process.stderr.write(`${none}\n`);
  const view = await viewOf(runs, quiet, environment);
  const say = (text: string): void => void (quiet || view.say(text));
  const end = async (run: StoredRun): Promise<StopReport> => {
    const sayLine = (line: string): void => say(`${line}\n`);
    const outcome = run.supervised
      ? await stopBySupervisor(folders, run, { now, progress: view.progressOf(run), say: sayLine })
      : 'gone';
    const report = await endRest({ folders, environment }, run, now || outcome === 'overdue', sayLine);
    if (report.killed.length > 0) say(`${run.record.runId}: ${stoppedText(report)}\n`);
    if (report.left.length === 0) say(`${run.record.runId} is down: nothing is left\n`);
    for (const line of leftAlone(run)) say(`${line}\n`);
    return report;
  };
  const left: string[] = [];
  try {
    // Workers deregister from etcd when they stop, so the shared etcd goes last.
    const shared = runs.filter(isInfraOnly);
    for (const group of [runs.filter((run) => !shared.includes(run)), shared])
      left.push(...(await allEnded(group.map(end))).flatMap((report) => report.left));
  } finally {
    await view.end();
  }
  if (!quiet) for (const run of runs) reportEndedFailure(run);
  if (left.length > 0) throw leftBehindError(left);
  return 0;
}

interface StopView {
  progressOf(run: StoredRun): Progress;
  say(text: string): void;
  end(): Promise<void>;
}

const write = (text: string): void => void process.stderr.write(text);

/** A list in a terminal, as `up` draws it; lines with times elsewhere. */
async function viewOf(
  runs: readonly StoredRun[],
  quiet: boolean,
  environment: Environment,
): Promise<StopView> {
  const standing = runs.filter(({ record }) => record.endedAt === undefined);
  const plans = standing.flatMap(({ files }) => readPlan(files) ?? []);
  if (quiet || plans.length === 0 || !drawsOnStderr(environment)) {
    const progress = quiet ? silentProgress : progressLines(write);
    return { progressOf: () => progress, say: write, end: async () => {} };
  }
  const { stopTasks } = await import('../view/live-tasks.ts');
  const tasks = stopTasks(plans);
  // Below the list: what is written into it would be drawn over.
  const said: string[] = [];
  return {
    progressOf: ({ record }) => tasks.of(record.runId),
    say: (text) => void said.push(text),
    end: async () => {
      await tasks.end();
      for (const text of said) write(text);
    },
  };
}

async function endClusterRuns(
  runs: readonly ClusterRun[],
  { quiet }: DownFlags,
  environment: Environment,
): Promise<void> {
  if (runs.length === 0) return;
  const { downOnCluster } = await import('./kubernetes/down.ts');
  const say = (line: string): void => void (quiet === true || process.stderr.write(`${line}\n`));
  await downOnCluster(runs, environment, say);
}

/** A run that cannot be ended does not prevent the others from ending; throws the first error when all are done. */
async function allEnded(ends: readonly Promise<StopReport>[]): Promise<StopReport[]> {
  const settled = await Promise.allSettled(ends);
  return settled.map((each) => {
    if (each.status === 'rejected') throw each.reason;
    return each.value;
  });
}

/** Runs whose supervisor was killed count as up: their processes may be alive. */
async function chosenRuns(
  folders: StateFolders,
  asked: string | undefined,
  flags: DownFlags,
): Promise<StoredRun[]> {
  if (asked !== undefined) {
    const isAsked = ({ record }: StoredRun): boolean => record.runId === asked || record.name === asked;
    const live = storedRuns(folders, isAlive).findLast((run) => run.supervised && isAsked(run));
    return [live ?? findRun(folders, asked, await knownRuns(folders))];
  }
  const only = flags.all === true ? undefined : onlyLiveRun(folders, 'down');
  if (only !== undefined) return [only];
  const known = await knownRuns(folders);
  const dying = known.filter((run) => !run.supervised && (isDead(run) || isKept(run)));
  return [...known.filter(({ supervised }) => supervised), ...dying];
}

/** Its keeper is still cleaning up. */
function isKept({ files, keeper }: KnownRun): boolean {
  const found = keeper ?? readKeeper(files);
  return found !== undefined && isAlive(found);
}

/** Does not rely on the supervisor's report: scans again, and ends what it finds. */
async function endRest(
  workspace: Workspace,
  run: StoredRun,
  now: boolean,
  say: (line: string) => void,
): Promise<StopReport> {
  const ended = runAsItIs(workspace.folders, run).record.endedAt !== undefined;
  const look = takeLook();
  if (ended && trackerOf(run).search(look).length === 0)
    return { killed: [], left: await untilKeeperGone(run, look.living) };
  return await reapAndWait(workspace, run, now, say);
}
