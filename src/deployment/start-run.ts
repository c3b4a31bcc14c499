/** Starts a deployment that this process also stops, for smoke, exec and tests; supervised here or in the background. */
import type { Environment } from '../base/environment.ts';
import type { ServingPlan } from '../plan/plan.ts';
import type { PlanOptions } from '../plan/request.ts';
import type { Profile } from '../profile/profile.ts';
import type { Failure, Proof, RunEvent, StopReport } from '../supervisor/events.ts';
import type { Outcome, Supervision } from '../supervisor/supervise.ts';
import { failureError, failureSoFar, leftBehindError } from './failure-error.ts';
import { prepareWholeRun } from './prepare-run.ts';
import { runPlan } from './run-plan.ts';
import { type PreparedRun, releaseRun } from './tidy-up.ts';
import { deferred } from '../base/deferred.ts';
import { releasePortHolds } from '../process/ports.ts';
import { askStop } from '../run/control-client.ts';
import type { Workspace } from '../run/folders.ts';
import { isDead, socketIn, type StoredRun } from '../run/record.ts';
import { portsOf } from '../run/leases.ts';
import { connect, startSupervisor, untilGone } from './background-supervisor.ts';
import { messageOf } from '../base/error-code.ts';
import { version } from '../package/version.ts';
import { runAsItIs } from './find-run.ts';
import { reapRun } from './reap-run.ts';

export interface StartedRun {
  readonly held: PreparedRun<ServingPlan>;
  /** In this process, or in a background one. */
  readonly supervision: Pick<Supervision, 'ready' | 'done' | 'stop' | 'kill'> &
    Partial<Pick<Supervision, 'act'>>;
}

export type StartRun = typeof startRun;

/** Throws DynamoError; then nothing is held. Does not wait until it is ready. */
export async function startRun(
  profile: Profile,
  options: PlanOptions,
  onEvent: (event: RunEvent) => void,
  environment: Environment,
): Promise<StartedRun> {
  const held = await prepareWholeRun(profile, options, false, environment);
  try {
    return { held, supervision: await runPlan(held, onEvent) };
  } catch (error) {
    releaseRun(held);
    throw error;
  }
}

/** Why an ended run did not end well; `undefined` if it did. */
export function outcomeError({ left, failure }: Outcome, runId: string) {
  if (left.length > 0) return leftBehindError(left);
  return failure === undefined ? undefined : failureError(failure, runId);
}

/** Throws DynamoError; then nothing is held. Does not wait until it is ready. */
export const startDetachedRun: StartRun = async (profile, options, onEvent, environment) => {
  const held = await prepareWholeRun(profile, options, true, environment);
  const socket = socketIn(held.folders, held.files);
  const supervisor = await startSupervisor(held);
  const events = await connect(held, socket, supervisor);
  const ready = deferred<Proof | undefined>();
  const follow = async (): Promise<Outcome> => {
    let failure: Failure | undefined = {
      code: 'process-failed',
      message: `the supervisor of ${held.plan.runId} ended unexpectedly`,
      logFile: held.files.supervisorLog,
      process: 'the supervisor',
    };
    let stopped: Pick<Outcome, 'killed' | 'left'> | undefined;
    let seen: Failure | undefined;
    try {
      for await (const event of events) {
        onEvent(event);
        seen = failureSoFar(seen, event);
        if (event.type === 'ready') ready.resolve(event.proof);
        // The ports are in use by the run, or never will be.
        if (event.type === 'ready' || event.type === 'stopped') releasePortHolds(portsOf(held.plan));
        if (event.type === 'stopped') [stopped, failure] = [event, seen];
      }
    } catch {
      // The connection broke: the following code finds out how the supervisor ended.
    }
    ready.resolve(undefined);
    // It cleans up after its last event.
    await untilGone(supervisor);
    const { plan, files, folders } = held;
    const about = { runId: plan.runId, name: plan.name, startedAt: Date.now(), detached: true, version };
    const run = { record: { ...about, supervisor }, files, supervised: true };
    const { killed, left } = stopped ?? (await endedUntold({ folders, environment }, run));
    return { killed, left, ...(failure === undefined ? {} : { failure }) };
  };
  const ask = (now: boolean) => (): void => void askStop(socket, now).catch(() => {});
  return { held, supervision: { ready: ready.promise, done: follow(), stop: ask(false), kill: ask(true) } };
};

/**
 * For a run whose supervisor has not told how it ended: if it died, waits for the keeper, and ends what that left. Never
 * rejects.
 */
export async function endedUntold(workspace: Workspace, run: StoredRun): Promise<StopReport> {
  try {
    const now = runAsItIs(workspace.folders, run);
    return isDead(now) ? await reapRun(workspace, now, false) : { killed: [], left: [] };
  } catch (error) {
    return { killed: [], left: [messageOf(error)] };
  }
}

/** The variables for a client, with `exec` and the library. Without DYNAMO_RUN_ID, which marks processes that we may stop. */
export function clientEnvironment(plan: ServingPlan): Record<string, string> {
  const [frontend] = plan.processes.filter(({ kind }) => kind === 'frontend');
  const { no_proxy: lower, NO_PROXY: upper } = frontend?.env ?? {};
  return {
    OPENAI_BASE_URL: `${plan.http.url}/v1`,
    OPENAI_API_KEY: 'EMPTY',
    OPENAI_MODEL: plan.model.servedName,
    DYNAMO_URL: plan.http.url,
    DYNAMO_RUN: plan.runId,
    DYNAMO_PROFILE: plan.profile.name,
    DYNAMO_ENGINE: plan.engine,
    DYNAMO_LOGS: `${plan.runFolder}/logs`,
    // A client must not use a proxy for this host.
    ...(lower === undefined ? {} : { no_proxy: lower }),
    ...(upper === undefined ? {} : { NO_PROXY: upper }),
  };
}
