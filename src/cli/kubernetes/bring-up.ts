/** Brings a deployment up on a cluster for a command: what it made is remembered, and deleted when it does not serve. */
import type { Environment } from '../../base/environment.ts';
import { systemClock } from '../../base/clock.ts';
import { DynamoError } from '../../base/error.ts';
import { messageOf } from '../../base/error-code.ts';
import {
  type Applied,
  applyToCluster,
  type ClusterRequest,
  type Serving,
  untilServing,
} from '../../kubernetes/bring-up.ts';
import type { Kubectl } from '../../kubernetes/kubectl.ts';
import { type ClusterRun, clusterRuns, forgetRun, rememberRun } from '../../kubernetes/records.ts';
import { takeDown } from '../../kubernetes/take-down.ts';
import { watcherFor } from './watcher.ts';

export interface UpOnCluster {
  readonly run: ClusterRun;
  /** It was there before this command, which must not delete it. */
  readonly existed: boolean;
  readonly serving: Serving;
}

export type Say = (line: string) => void;

/** What bringing up and taking down need of the command that asks for it. */
export interface Caller {
  readonly say: Say;
  readonly environment: Environment;
  /** Aborts when the user has had enough. */
  readonly signal: AbortSignal;
  /** Aborts when the user does not even wait for what is being deleted. */
  readonly force?: AbortSignal | undefined;
}

const howText: Readonly<Record<Applied['how'], string>> = {
  made: 'is applied',
  changed: 'was there and is changed',
  unchanged: 'was there and stays as it is',
  'made anew': 'is made anew',
};

/** Throws why it does not serve; by then what this command made is deleted, or the error says what is left. */
export async function bringUp(
  kubectl: Kubectl,
  request: ClusterRequest,
  caller: Caller,
): Promise<UpOnCluster> {
  const { say, environment, signal } = caller;
  const waiting = { clock: systemClock, signal };
  const watcher = watcherFor(caller);
  const applied = await applyToCluster(kubectl, request, watcher.onNote, waiting);
  const { existed, how } = applied;
  const run = known(applied.run, environment);
  rememberRun(environment, run);
  const { context, namespace } = run;
  say(
    `${run.graph} ${howText[how]} (nvidia.com/${run.apiVersion}, namespace ${namespace}${context === undefined ? '' : `, context ${context}`})`,
  );
  try {
    return { run, existed, serving: await untilServing(kubectl, run, request, watcher, waiting) };
  } catch (failure) {
    // A wait that is cut short fails in words of its own.
    const error: unknown = signal.aborted ? signal.reason : failure;
    if (existed) {
      say(`${run.graph} was there before, so it stays; to delete it: dynamo down ${run.name}`);
      throw error;
    }
    const left = await endQuietly(kubectl, run, { say, environment, signal: caller.force });
    if (left === undefined || !(error instanceof DynamoError)) throw error;
    throw new DynamoError(error.code, error.message, {
      hint: error.hint,
      details: [...error.details, `and it was not deleted: ${left}`],
    });
  }
}

/** The record that there is of the same object. */
function known(run: ClusterRun, environment: Environment): ClusterRun {
  const before = clusterRuns(environment).find(({ uid }) => uid === run.uid);
  return before === undefined ? run : { ...run, runId: before.runId, startedAt: before.startedAt };
}

interface Ending extends Pick<Caller, 'say' | 'environment'> {
  /** Aborts when the user does not wait any longer. */
  readonly signal?: AbortSignal | undefined;
}

/** Deletes it and waits until it is gone; forgets it then. Throws as `takeDown` does. */
export async function endRun(
  kubectl: Kubectl,
  run: ClusterRun,
  { say, environment, signal }: Ending,
): Promise<void> {
  const outcome = await takeDown(kubectl, run, { clock: systemClock, say, signal });
  forgetRun(environment, run.runId);
  say(
    outcome === 'deleted'
      ? `${run.name} is down: nothing is left on the cluster`
      : `${run.name} was not on the cluster any more`,
  );
}

async function endQuietly(kubectl: Kubectl, run: ClusterRun, caller: Ending): Promise<string | undefined> {
  try {
    caller.say(`deleting ${run.graph}`);
    await endRun(kubectl, run, caller);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Why nobody waits any longer: a second signal came. */
export function leftThere({ graph, name }: Pick<ClusterRequest, 'graph' | 'name'>): DynamoError {
  return new DynamoError('left-behind', `${graph} may still be on the cluster.`, {
    hint: `dynamo down ${name}`,
  });
}
