/** Brings a deployment up on a cluster for a command, records it, and deletes it if it does not serve. */
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
  /** It existed before this command, which must not delete it. */
  readonly existed: boolean;
  readonly serving: Serving;
}

export type Say = (line: string) => void;

/** What bringing up and taking down need of the command that asks for it. */
export interface Caller {
  readonly say: Say;
  readonly environment: Environment;
  /** Aborts on the first signal. */
  readonly signal: AbortSignal;
  /** Aborts on the second signal: do not even wait for the deletion. */
  readonly force?: AbortSignal | undefined;
}

const howText: Readonly<Record<Applied['how'], string>> = {
  made: 'is applied',
  changed: 'existed and is changed',
  unchanged: 'existed and is unchanged',
  'made anew': 'is re-created',
};

/** If it throws, what this command made is deleted, or the error says that it is not. */
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
    // An aborted wait rejects with another error than the reason.
    const error: unknown = signal.aborted ? signal.reason : failure;
    if (existed) {
      say(`${run.graph} existed before, so it is kept; to delete it: dynamo down ${run.name}`);
      throw error;
    }
    const left = await endQuietly(kubectl, run, { say, environment, signal: caller.force });
    if (left === undefined || !(error instanceof DynamoError)) throw error;
    throw new DynamoError(error.code, error.message, {
      fields: error.fields,
      hint: error.hint,
      details: [...error.details, `and it was not deleted: ${left}`],
    });
  }
}

/** Keeps id and start time of an existing record of the same object. */
function known(run: ClusterRun, environment: Environment): ClusterRun {
  const before = clusterRuns(environment).find(({ uid }) => uid === run.uid);
  return before === undefined ? run : { ...run, runId: before.runId, startedAt: before.startedAt };
}

interface Ending extends Pick<Caller, 'say' | 'environment'> {
  /** Aborts when the user stops waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** Deletes it, waits until it is gone, and removes its record. Throws as `takeDown` does. */
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
      : `${run.name} was already gone from the cluster`,
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

/** For the second signal. */
export function leftThere({ graph, name }: Pick<ClusterRequest, 'graph' | 'name'>): DynamoError {
  return new DynamoError('left-behind', `${graph} may still be on the cluster.`, {
    fields: { deployment: graph },
    hint: `dynamo down ${name}`,
  });
}
