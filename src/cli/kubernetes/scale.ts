/** `dynamo scale` of a deployment on a cluster. */
import type { Environment } from '../../base/environment.ts';
import { durationText } from '../../base/duration.ts';
import { systemClock } from '../../base/clock.ts';
import { DynamoError } from '../../base/error.ts';
import { createKubectl } from '../../kubernetes/kubectl.ts';
import type { Graph } from '../../kubernetes/objects.ts';
import type { ClusterRun } from '../../kubernetes/records.ts';
import { type ReplicaChange, scaleGraph } from '../../kubernetes/scale-graph.ts';
import { signalExitCode, watchSignals } from '../signals.ts';
import { requireNames } from './names.ts';
import { watcherFor } from './watcher.ts';

/** As of `up`: a new pod may have to pull the image and load the model. */
const readyWithinMs = 3_600_000;

export interface ClusterScale {
  readonly replicas: Readonly<Record<string, number>>;
  readonly timeoutMs: number | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Returns when the pods are as many as asked for, and ready. */
export async function scaleOnCluster(
  run: ClusterRun,
  { replicas: wanted, timeoutMs = readyWithinMs, json, quiet }: ClusterScale,
  environment: Environment,
): Promise<number> {
  const say = (line: string): void => {
    if (!quiet) process.stderr.write(`${line}\n`);
  };
  const over = new AbortController();
  const signals = watchSignals(
    (signal) => over.abort(new DynamoError('process-failed', `${signal} came.`, { fields: { signal } })),
    () => {},
  );
  const begin = systemClock.now();
  let changed: readonly ReplicaChange[] = [];
  try {
    const changes = await scaleGraph(
      {
        kubectl: createKubectl(run, environment),
        run,
        choose: (graph) => requireReplicas(graph, wanted),
        onChanged: (all) => {
          changed = all;
          say(`${changesText(all)}; waiting for the pods`);
        },
      },
      watcherFor({ say, environment }),
      { timeoutMs, clock: systemClock, signal: over.signal },
    );
    const tookMs = systemClock.now() - begin;
    const { runId, name } = run;
    const replicas = Object.fromEntries(changes.map(({ component, to }) => [component, to]));
    const report = { runId, name, changes, replicas, tookMs };
    if (json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
    else if (changes.length === 0) process.stdout.write('nothing to change\n');
    else process.stdout.write(`${changesText(changes)}; took ${durationText(tookMs)}\n`);
    return 0;
  } catch (error) {
    if (changed.length > 0) {
      const back = changed.map(({ component, from }) => `${component}=${from}`).join(' ');
      process.stderr.write(
        `the change stays on the cluster; to take it back: dynamo scale ${run.name} ${back}\n`,
      );
    }
    const signal = signals.first();
    if (signal === undefined) throw error;
    return signalExitCode(signal);
  } finally {
    signals.end();
  }
}

/** Throws `usage`. */
function requireReplicas(
  graph: Graph,
  replicas: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  requireNames(graph, [], Object.keys(replicas), 'dynamo ps');
  const none = Object.entries(replicas).find(([, count]) => count === 0)?.[0];
  if (none === undefined) return replicas;
  throw new DynamoError('usage', `${none}=0: at least one pod of a component stays.`, {
    fields: { deployment: graph.name, process: none, asked: `${none}=0` },
    hint: `dynamo scale ${none}=1   # or, to end all of it: dynamo down ${graph.name}`,
  });
}

/** `decode: 1 → 3, prefill: 2 → 1 by its scaling adapter mine-prefill` */
function changesText(changes: readonly ReplicaChange[]): string {
  return changes
    .map(
      ({ component, from, to, adapter }) =>
        `${component}: ${from} → ${to}${adapter === undefined ? '' : ` by its scaling adapter ${adapter}`}`,
    )
    .join(', ');
}
