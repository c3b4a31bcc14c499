/** Changes the replicas of components of a deployment, and waits until as many pods are ready and the others are gone. */
import { DynamoError } from '../base/error.ts';
import { isOurs, readGraph, seenOrThrow } from './cluster.ts';
import type { Look } from './diagnosis.ts';
import { type Kubectl, placeOf } from './kubectl.ts';
import type { Graph, GraphComponent } from './objects.ts';
import { podView } from './progress.ts';
import type { ClusterRun } from './records.ts';
import { applyReplicas, readAdapters, scaleAdapter } from './replicas.ts';
import { notOurs } from './take-down.ts';
import { type Limits, untilReady, type Watcher } from './until-ready.ts';

export interface Scaling {
  readonly kubectl: Kubectl;
  readonly run: ClusterRun;
  /** Wanted, by component. May throw `usage`. */
  readonly choose: (graph: Graph) => Readonly<Record<string, number>>;
  /** The cluster has accepted it. */
  readonly onChanged: (changes: readonly ReplicaChange[]) => void;
}

export interface ReplicaChange {
  readonly component: string;
  readonly from: number;
  readonly to: number;
  /** The adapter that was scaled, since it owns the replicas. */
  readonly adapter: string | undefined;
}

/** Returns what was changed. Throws `run-not-found`, `not-allowed`, and as `untilReady` does: then the change stays. */
export async function scaleGraph(
  { kubectl, run, choose, onChanged }: Scaling,
  watcher: Watcher,
  limits: Omit<Limits, 'holds'>,
): Promise<readonly ReplicaChange[]> {
  const { graph: name, uid, apiVersion: version, served } = run;
  const { signal } = limits;
  const doing = `${name} was not scaled`;
  const graph = seenOrThrow(await readGraph(kubectl, version, name, { signal }), kubectl, doing);
  if (graph === undefined || graph.uid !== uid || graph.deleting)
    throw new DynamoError('run-not-found', `${name} is gone from the cluster.`, {
      fields: { deployment: name, ...placeOf(kubectl) },
      hint: 'dynamo ps',
    });
  if (!isOurs(graph)) throw notOurs(kubectl, graph);
  const wanted = choose(graph);
  const changing = graph.components.filter((each) => (wanted[each.name] ?? each.replicas) !== each.replicas);
  const adapters = changing.some(({ hasAdapter }) => hasAdapter)
    ? seenOrThrow(await readAdapters(kubectl, name, { signal }), kubectl, doing)
    : new Map<string, string>();
  const changes = changing.map((each) => changeOf(each, wanted, adapters, kubectl));
  if (changes.length === 0) return changes;
  signal.throwIfAborted();
  // From here on no signal interrupts: what was changed must be known.
  const direct = changes.filter(({ adapter }) => adapter === undefined);
  if (direct.length > 0) {
    const counts = Object.fromEntries(direct.map(({ component, to }) => [component, to]));
    seenOrThrow(await applyReplicas(kubectl, version, graph, counts), kubectl, doing);
  }
  for (const { adapter, to } of changes)
    if (adapter !== undefined)
      seenOrThrow(await scaleAdapter(kubectl, adapter, to), kubectl, `${adapter} was not scaled`);
  onChanged(changes);
  await untilReady({ kubectl, version, name, uid, model: served.modelPath }, watcher, {
    ...limits,
    // The operator's condition lags behind its pods.
    holds: (look) => changes.every((change) => isDone(look, change)),
  });
  return changes;
}

function changeOf(
  { name, replicas, hasAdapter }: GraphComponent,
  wanted: Readonly<Record<string, number>>,
  adapters: ReadonlyMap<string, string>,
  kubectl: Kubectl,
): ReplicaChange {
  const adapter = hasAdapter ? adapters.get(name) : undefined;
  if (hasAdapter && adapter === undefined)
    throw new DynamoError(
      'not-ready',
      `A scaling adapter owns the replicas of ${name}, and the operator has not made it yet.`,
      {
        fields: { process: name, ...placeOf(kubectl) },
        hint: kubectl.line('get', 'dynamographdeploymentscalingadapters'),
      },
    );
  return { component: name, from: replicas, to: wanted[name] ?? replicas, adapter };
}

function isDone({ graph, pods, events }: Look, { component, to }: ReplicaChange): boolean {
  const now = graph.components.find(({ name }) => name === component);
  const own = pods.filter((pod) => pod.component === component);
  const ready = own.filter((pod) => podView(pod, events).stage === 'ready');
  return now?.replicas === to && own.length === to * now.nodes && ready.length === own.length;
}
