/** Deletes a deployment that dynamo made, and waits until it is gone. */
import type { Clock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import { durationText } from '../base/duration.ts';
import { deleteGraph, isOurs, readGraph, readPods, seenOrThrow } from './cluster.ts';
import { type Kubectl, placeOf } from './kubectl.ts';
import type { Graph, Pod } from './objects.ts';
import { lookAtOperator } from './problem.ts';
import type { ClusterRun } from './records.ts';
import { labels as ourLabels } from './target.ts';

/** Pods have 60 s to stop; their owners are deleted after them. */
export const goneWithinMs = 180_000;
const periodMs = 500;
/** When to report what is still there, and how often to repeat the same report. */
const sayAfterMs = 5_000;
const sayAgainMs = 60_000;

export interface DownOptions {
  readonly clock: Clock;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly say: (text: string) => void;
}

export type DownOutcome = 'deleted' | 'was-gone';

/**
 * `was-gone`: it did not exist any more. Throws `not-allowed` if dynamo did not make it, `left-behind` on timeout,
 * and an error if the cluster cannot be asked.
 */
export async function takeDown(
  kubectl: Kubectl,
  run: Pick<ClusterRun, 'graph' | 'uid' | 'apiVersion'>,
  { clock, timeoutMs = goneWithinMs, signal = new AbortController().signal, say }: DownOptions,
): Promise<DownOutcome> {
  const { graph: name, uid, apiVersion } = run;
  const doing = `${name} was not deleted`;
  const graph = seenOrThrow(await readGraph(kubectl, apiVersion, name), kubectl, doing);
  // A new object with the same name is not ours.
  if (graph === undefined || graph.uid !== uid) return 'was-gone';
  if (!isOurs(graph)) throw notOurs(kubectl, graph);
  if (!graph.deleting) {
    const deleted = await deleteGraph(kubectl, apiVersion, { name, uid });
    if (deleted.kind === 'problem' && deleted.problem.kind !== 'not-found')
      seenOrThrow(deleted, kubectl, doing);
  }
  const begin = clock.now();
  let said = { at: -Infinity, text: '' };
  for (;;) {
    signal.throwIfAborted();
    const [now, pods] = await Promise.all([readGraph(kubectl, apiVersion, name), readPods(kubectl, name)]);
    const isGone = now.kind === 'seen' && now.value?.uid !== uid;
    const replaced = now.kind === 'seen' && now.value !== undefined && isGone;
    if (isGone && (replaced || (pods.kind === 'seen' && pods.value.length === 0))) return 'deleted';
    const left = leftText(
      now.kind === 'seen' && !isGone ? now.value : undefined,
      pods.kind === 'seen' ? pods.value : [],
    );
    const at = clock.now();
    if (at - begin >= timeoutMs) {
      const finalizers = now.kind === 'seen' && !isGone ? (now.value?.finalizers ?? []) : [];
      throw stillThere(kubectl, { name, timeoutMs, left, finalizers });
    }
    const text = `${name}: still there: ${left.join(', ') || 'the cluster does not say'}`;
    if (at - begin >= sayAfterMs && (text !== said.text || at - said.at >= sayAgainMs)) {
      say(text);
      said = { at, text };
    }
    // An aborted sleep rejects with another error than the reason.
    await clock.sleep(periodMs, signal).catch(() => signal.throwIfAborted());
  }
}

function leftText(graph: Graph | undefined, pods: readonly Pod[]): string[] {
  return [
    ...(graph === undefined
      ? []
      : [
          `DynamoGraphDeployment ${graph.name}${graph.finalizers.length === 0 ? '' : ` (finalizers: ${graph.finalizers.join(', ')})`}`,
        ]),
    ...pods.map(({ name, phase }) => `Pod ${name} (${phase})`),
  ];
}

export function notOurs(kubectl: Kubectl, { name, namespace, managers, labels }: Graph): DynamoError {
  const manager = [...new Set(managers)].join(', ') || 'nobody that the cluster names';
  const label = labels[ourLabels.managed];
  return new DynamoError(
    'not-allowed',
    `The DynamoGraphDeployment ${name} in namespace ${namespace} was not made by dynamo, so it is left unchanged.`,
    {
      fields: { deployment: name, namespace },
      details: [`written by: ${manager}; label ${ourLabels.managed}: ${label ?? '(none)'}`],
      hint: `--name ANOTHER   # or, if nobody needs it: ${kubectl.line('delete', 'dynamographdeployment', name)}`,
    },
  );
}

interface Rest {
  readonly name: string;
  readonly timeoutMs: number;
  readonly left: readonly string[];
  readonly finalizers: readonly string[];
}

/** The finalizer of foreground deletion is removed by the garbage collector, all others by the operator. */
function stillThere(kubectl: Kubectl, { name, timeoutMs, left, finalizers }: Rest): DynamoError {
  const ofOperator = finalizers.filter((each) => each !== 'foregroundDeletion');
  const waitsFor =
    ofOperator.length === 0
      ? ''
      : `; it waits for Dynamo's operator, which removes the finalizer ${ofOperator.join(', ')}`;
  return new DynamoError(
    'left-behind',
    `${name} is being deleted, and is not gone after ${durationText(timeoutMs)}${waitsFor}.`,
    {
      fields: { deployment: name, ...placeOf(kubectl), left },
      details: left.map((line) => `  still there: ${line}`),
      hint:
        ofOperator.length === 0
          ? kubectl.line('describe', 'dynamographdeployment', name)
          : lookAtOperator(kubectl),
    },
  );
}
