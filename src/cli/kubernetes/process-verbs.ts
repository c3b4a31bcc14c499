/** `dynamo restart` of a deployment on a cluster; `start` and `stop` are refused with the reason. */
import type { Environment } from '../../base/environment.ts';
import { systemClock } from '../../base/clock.ts';
import { DynamoError } from '../../base/error.ts';
import { createKubectl } from '../../kubernetes/kubectl.ts';
import { chosenPods } from '../../kubernetes/pod-output.ts';
import type { ClusterRun } from '../../kubernetes/records.ts';
import { restartPods } from '../../kubernetes/restart-pods.ts';
import type { ProcessAction } from '../../supervisor/process-action.ts';
import { signalExitCode, watchSignals } from '../signals.ts';
import { requireNames } from './names.ts';
import { watcherFor } from './watcher.ts';

/** As of `up`: the new pod may have to pull the image and load the model. */
const readyWithinMs = 3_600_000;

/** `names`: empty for all pods. Returns when the new pods are ready. Throws `usage` for `start` and `stop`. */
export async function actOnCluster(
  action: ProcessAction,
  names: readonly string[],
  run: ClusterRun,
  environment: Environment,
): Promise<number> {
  if (action !== 'restart') throw notThere(action, names, run);
  const over = new AbortController();
  const signals = watchSignals(
    (signal) => over.abort(new DynamoError('process-failed', `${signal} came.`, { fields: { signal } })),
    () => {},
  );
  try {
    const replaced = await restartPods(
      {
        kubectl: createKubectl(run, environment),
        run,
        choose: (graph, pods) => {
          requireNames(graph, pods, names, 'dynamo ps');
          return chosenPods(pods, names);
        },
        onDeleted: (pods) =>
          say(`deleted ${pods.map(({ name }) => name).join(', ')}; waiting for the replacement`),
      },
      watcherFor({ say, environment }),
      { timeoutMs: readyWithinMs, clock: systemClock, signal: over.signal },
    );
    say(
      `${names.join(', ') || run.name} ${names.length > 1 ? 'are' : 'is'} ready again (pods replaced: ${replaced.length})`,
    );
    return 0;
  } catch (error) {
    const signal = signals.first();
    if (signal === undefined) throw error;
    say(`${run.name} continues on the cluster: dynamo wait ${run.name}`);
    return signalExitCode(signal);
  } finally {
    signals.end();
  }
}

function notThere(action: ProcessAction, names: readonly string[], { name }: ClusterRun): DynamoError {
  const restart = `dynamo restart ${[name, ...names.slice(0, 1)].join('/')}`;
  if (action === 'start')
    return new DynamoError(
      'usage',
      `${name} is on Kubernetes, where Dynamo's operator starts the pods: nothing waits to be started.`,
      { fields: { deployment: name }, hint: restart },
    );
  return new DynamoError(
    'usage',
    `${name} is on Kubernetes, where Dynamo's operator replaces every pod that ends: pods cannot be stopped.`,
    { fields: { deployment: name }, hint: `dynamo down ${name}   # or, to restart pods: ${restart}` },
  );
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
