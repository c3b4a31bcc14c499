/** Restarts components of a deployment: deletes their pods, and waits until the operator's new ones are ready. */
import { DynamoError } from '../base/error.ts';
import { deletePod, isOurs, readGraph, readPods, seenOrThrow } from './cluster.ts';
import type { Look } from './diagnosis.ts';
import { type Kubectl, placeOf } from './kubectl.ts';
import type { Graph, Pod } from './objects.ts';
import { podView } from './progress.ts';
import type { ClusterRun } from './records.ts';
import { notOurs } from './take-down.ts';
import { type Limits, untilReady, type Watcher } from './until-ready.ts';

export interface Restart {
  readonly kubectl: Kubectl;
  readonly run: ClusterRun;
  /** May throw `usage` for unknown names. */
  readonly choose: (graph: Graph, pods: readonly Pod[]) => readonly Pod[];
  readonly onDeleted: (pods: readonly Pod[]) => void;
}

/**
 * One pod after the other, so that the rest of the component keeps serving. The pods of a component on several nodes go
 * together, since the ranks of a worker need each other. Returns the names of the replaced pods.
 * Throws `run-not-found`, `not-allowed`, and as `untilReady` does.
 */
export async function restartPods(
  { kubectl, run, choose, onDeleted }: Restart,
  watcher: Watcher,
  { timeoutMs, clock, signal }: Omit<Limits, 'holds'>,
): Promise<readonly string[]> {
  const { graph: name, uid, apiVersion: version, served } = run;
  const doing = `${name} was not restarted`;
  const seen = await Promise.all([
    readGraph(kubectl, version, name, { signal }),
    readPods(kubectl, name, { signal }),
  ]);
  const graph = seenOrThrow(seen[0], kubectl, doing);
  if (graph === undefined || graph.uid !== uid || graph.deleting)
    throw new DynamoError('run-not-found', `${name} is gone from the cluster.`, {
      fields: { deployment: name, ...placeOf(kubectl) },
      hint: 'dynamo ps',
    });
  if (!isOurs(graph)) throw notOurs(kubectl, graph);
  const all = seenOrThrow(seen[1], kubectl, doing);
  const steps = stepsOf(graph, choose(graph, all), all);
  if (steps.length === 0)
    throw new DynamoError('not-ready', `${name} has no pod to restart yet.`, {
      fields: { deployment: name, ...placeOf(kubectl) },
      hint: `dynamo wait ${run.name}`,
    });
  const end = clock.now() + timeoutMs;
  for (const pods of steps) {
    signal.throwIfAborted();
    for (const pod of pods)
      seenOrThrow(await deletePod(kubectl, pod), kubectl, `${pod.name} was not deleted`);
    onDeleted(pods);
    await untilReady({ kubectl, version, name, uid, model: served.modelPath }, watcher, {
      timeoutMs: Math.max(0, end - clock.now()),
      clock,
      signal,
      // The operator's condition lags behind its pods.
      holds: (look) => areReplaced(look, pods, all),
    });
  }
  return steps.flat().map((pod) => pod.name);
}

/** A pod of a worker on several nodes stands for all of its pods. */
function stepsOf({ components }: Graph, chosen: readonly Pod[], all: readonly Pod[]): Pod[][] {
  const steps = new Map<string, Pod[]>();
  for (const pod of chosen.filter(({ deleting }) => !deleting)) {
    const nodes = components.find(({ name }) => name === pod.component)?.nodes ?? 1;
    if (nodes === 1) steps.set(pod.name, [pod]);
    else
      steps.set(
        pod.component,
        all.filter(({ component, deleting }) => component === pod.component && !deleting),
      );
  }
  return [...steps.values()];
}

/** By uid: the new pod may have the old name. */
function areReplaced({ pods, events }: Look, old: readonly Pod[], before: readonly Pod[]): boolean {
  const components = new Set(old.map(({ component }) => component));
  const wanted = before.filter(({ component, deleting }) => components.has(component) && !deleting).length;
  const ready = pods.filter(
    (pod) => components.has(pod.component) && podView(pod, events).stage === 'ready',
  ).length;
  return ready >= wanted && !pods.some(({ uid }) => old.some((each) => each.uid === uid));
}
