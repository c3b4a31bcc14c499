/** The same proof as on one machine: an answered request through the frontend, and the counters of each role. */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import type { Provable } from '../plan/plan.ts';
import type { WorkerMode } from '../profile/profile.ts';
import { proveAnswers } from '../probe/serving.ts';
import type { Proof } from '../supervisor/events.ts';
import type { Kubectl } from './kubectl.ts';
import type { Graph, Pod } from './objects.ts';
import { type Forward, openForward } from './port-forward.ts';
import type { ServedAs } from './records.ts';

/** Port of the status server of workers, set by the operator. Source: docs/upstream/kubernetes.md#what-the-operator-adds. */
const systemPort = 9090;
/** Each needs a port-forward during the proof. */
const mostCounted = 32;

export interface ProofRequest {
  readonly kubectl: Kubectl;
  readonly runId: string;
  readonly served: ServedAs;
  readonly graph: Graph;
  readonly pods: readonly Pod[];
  /** Of the frontend, from here. */
  readonly url: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onNote: (text: string) => void;
}

/** Throws `not-ready` when the deployment does not serve. */
export async function proveGraph(request: ProofRequest): Promise<Proof> {
  const { kubectl, served, graph, pods, url, runId, clock, signal, onNote } = request;
  const modes = Object.values(served.modes);
  const workers = new Set(modes).size > 1 ? leaders(graph, pods, served.modes) : [];
  const forwards: { pod: Pod; forward: Forward }[] = [];
  try {
    for (const pod of workers.slice(0, mostCounted)) {
      forwards.push({ pod, forward: await openForward(kubectl, `pod/${pod.name}`, systemPort, { signal }) });
    }
  } catch (error) {
    signal.throwIfAborted();
    onNote(
      `the counters of the workers cannot be read, so the proof is the answer alone: ${messageOf(error)}`,
    );
    await endAll(forwards);
  }
  const plan: Provable = {
    runId,
    model: { servedName: served.model },
    http: { url },
    proof: served.proof,
    ...(served.provesReuse ? { provesReuse: true } : {}),
    processes: forwards.map(({ pod, forward }) => ({
      name: pod.name,
      kind: 'worker',
      component: pod.component,
      mode: served.modes[pod.component],
      ports: { system: forward.port },
    })),
  };
  try {
    return await proveAnswers(plan, { clock, signal, saw: () => {} });
  } finally {
    await endAll(forwards);
  }
}

async function endAll(forwards: { pod: Pod; forward: Forward }[]): Promise<void> {
  await Promise.all(forwards.splice(0).map(async ({ forward }) => await forward.end()));
}

/** Only the leader of a worker on several nodes counts requests. */
function leaders(graph: Graph, pods: readonly Pod[], modes: Readonly<Record<string, WorkerMode>>): Pod[] {
  return Object.keys(modes).flatMap((worker) => {
    const nodes = graph.components.find(({ name }) => name === worker)?.nodes ?? 1;
    return pods.filter(
      ({ name, component, deleting }) =>
        component === worker && !deleting && (nodes === 1 || /-ldr-|-0$/.test(name)),
    );
  });
}
