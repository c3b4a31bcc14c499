/** The progress of a deployment on a cluster: its state, the stage of each pod, and what holds it up. */
import type { ClusterEvent, Condition, Graph, Pod, PodContainer } from './objects.ts';

export interface GraphState {
  readonly kind: 'ready' | 'pending' | 'failed';
  /** In the operator's words, for people. */
  readonly text: string;
  readonly reason: string;
  /** The operator has said something about the manifest as it is now. */
  readonly isObserved: boolean;
}

/**
 * By the condition that `kubectl wait --for=condition=Ready` reads, if it is about the current manifest.
 * Source: docs/upstream/kubernetes.md#install-and-reach.
 */
export function graphState(graph: Graph): GraphState {
  const ready = graph.conditions.find(({ type }) => type === 'Ready');
  if (ready === undefined)
    return { kind: 'pending', reason: '', text: 'the operator has not reacted yet', isObserved: false };
  const text = [ready.reason, ready.message].filter(Boolean).join(': ');
  if ((ready.observedGeneration ?? graph.observedGeneration ?? 1) < graph.generation)
    return {
      kind: 'pending',
      reason: '',
      text: 'the operator has not reacted to the change yet',
      isObserved: false,
    };
  const kind = ready.status === 'True' ? 'ready' : graph.state === 'failed' ? 'failed' : 'pending';
  return { kind, reason: ready.reason, text, isObserved: true };
}

export type PodStage =
  | 'pending'
  | 'pulling'
  | 'starting'
  | 'loading'
  | 'ready'
  | 'failing'
  | 'ending'
  | 'ended';

export interface PodView {
  readonly pod: string;
  readonly component: string;
  readonly stage: PodStage;
  /** What it waits for or what is wrong, in the words of the cluster; may be empty. */
  readonly holdup: string;
  readonly restarts: number;
}

/** `events`: of the whole deployment, the oldest first. */
export function podView(pod: Pod, events: readonly ClusterEvent[]): PodView {
  const own = events.filter(({ kind, name }) => kind === 'Pod' && name === pod.name);
  const restarts = Math.max(0, ...pod.containers.map((container) => container.restarts));
  return { pod: pod.name, component: pod.component, restarts, ...stageOf(pod, own) };
}

/** Normal for a short time, so not reported. */
const passingReasons = new Set(['', 'ContainerCreating', 'PodInitializing']);

function stageOf(pod: Pod, events: readonly ClusterEvent[]): Pick<PodView, 'stage' | 'holdup'> {
  if (pod.deleting) return { stage: 'ending', holdup: '' };
  if (pod.phase === 'Succeeded' || pod.phase === 'Failed')
    return { stage: 'ended', holdup: joined(pod.reason, pod.message) || endOf(pod.containers) };
  const scheduled = conditionOf(pod.conditions, 'PodScheduled');
  if (pod.node === undefined && scheduled?.status !== 'True') {
    const last = events.findLast(({ reason }) => reason === 'FailedScheduling');
    return {
      stage: 'pending',
      holdup: scheduled?.message || last?.message || scheduled?.reason || 'waits for a node',
    };
  }
  const stuck = pod.containers.find(({ now }) => now.kind === 'waiting' && !passingReasons.has(now.reason));
  if (stuck !== undefined) return { stage: 'failing', holdup: joined(stuck.now.reason, stuck.now.message) };
  const dead = pod.containers.find(({ now }) => now.kind === 'terminated' && now.exitCode !== 0);
  if (dead !== undefined) return { stage: 'failing', holdup: `ended with exit code ${dead.now.exitCode}` };
  if (conditionOf(pod.conditions, 'Ready')?.status === 'True') return { stage: 'ready', holdup: '' };
  if (pod.containers.some(({ now }) => now.kind === 'running')) return running(pod, events);
  return preparing(events);
}

/** It is scheduled, and no container runs yet: an image is pulled or a volume mounted. */
function preparing(events: readonly ClusterEvent[]): Pick<PodView, 'stage' | 'holdup'> {
  const last = events.findLast(({ reason }) =>
    ['Pulling', 'Pulled', 'Failed', 'FailedMount', 'FailedAttachVolume', 'FailedCreatePodSandBox'].includes(
      reason,
    ),
  );
  if (last?.reason === 'Pulling') return { stage: 'pulling', holdup: imageIn(last.message) };
  if (last === undefined || last.reason === 'Pulled') return { stage: 'starting', holdup: '' };
  return { stage: 'starting', holdup: joined(last.reason, last.message) };
}

/** Its process runs. Probes that fail while it loads are normal, and shown as what it waits for. */
function running(pod: Pod, events: readonly ClusterEvent[]): Pick<PodView, 'stage' | 'holdup'> {
  const started = pod.containers.every((container) => container.started || container.now.kind !== 'running');
  const probe = events.findLast(({ reason }) => reason === 'Unhealthy');
  return { stage: started ? 'loading' : 'starting', holdup: probe?.message ?? '' };
}

function imageIn(message: string): string {
  return /"([^"]+)"/.exec(message)?.[1] ?? message;
}

function endOf(containers: readonly PodContainer[]): string {
  const ended = containers.find(({ now }) => now.kind === 'terminated');
  return ended === undefined ? '' : `ended with exit code ${ended.now.exitCode}`;
}

export function conditionOf(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((condition) => condition.type === type);
}

function joined(...parts: readonly string[]): string {
  return parts.filter(Boolean).join(': ');
}

const stageWords: Readonly<Record<PodStage, string>> = {
  pending: 'waits for a node',
  pulling: 'pulling the image',
  starting: 'starting',
  loading: 'loading',
  ready: 'ready',
  failing: 'failing',
  ending: 'ending',
  ended: 'ended',
};

/** `decode  disagg-decode-x7k2  pulling the image: nvcr.io/…`. */
export function podLine({ pod, component, stage, holdup, restarts }: PodView): string {
  const again = restarts === 0 ? '' : ` (restarts: ${restarts})`;
  const why = holdup === '' || holdup === stageWords[stage] ? '' : `: ${oneLine(holdup)}`;
  return `${component === '' ? '-' : component}  ${pod}  ${stageWords[stage]}${again}${why}`;
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}

/** `frontend 1/1, prefill 0/1, decode 0/2`. */
export function componentsText({ components }: Graph, pods: readonly PodView[]): string {
  return components
    .map(({ name, replicas, nodes, ready }) => {
      const seen = pods.filter((pod) => pod.component === name && pod.stage === 'ready').length;
      return `${name} ${nodes > 1 || ready === undefined ? seen : ready}/${replicas * (nodes > 1 ? nodes : 1)}`;
    })
    .join(', ');
}
