/** What a rule of diagnosis is given of a deployment on a cluster, and what it says: pure functions over what was seen. */
import type { Kubectl } from './kubectl.ts';
import type { Claim, ClusterEvent, ClusterNode, Graph, Pod } from './objects.ts';
import type { GraphState } from './progress.ts';

export interface ClusterCase {
  readonly graph: Graph;
  readonly state: GraphState;
  readonly pods: readonly Pod[];
  /** Of the deployment and what is named after it, the oldest first. */
  readonly events: readonly ClusterEvent[];
  /** Absent where this user may not list them. */
  readonly nodes?: readonly ClusterNode[] | undefined;
  /** Those that its pods mount, by name; `undefined` as value: there is none of this name. */
  readonly claims: ReadonlyMap<string, Claim | undefined>;
  /** What the main container of a pod wrote last, where it has ended at least once. */
  readonly logs: ReadonlyMap<string, readonly string[]>;
  /** As the workers are told. */
  readonly model: string;
  readonly now: number;
  /** For commands that a person can paste. */
  readonly kubectl: Pick<Kubectl, 'line' | 'clusterLine'>;
}

export interface ClusterFinding {
  /** One sentence without a full stop. */
  readonly cause: string;
  /** What was seen, in the words of the cluster or of a log. */
  readonly evidence: readonly string[];
  /** One command or flag. */
  readonly fix: string;
  /** Of a log rule that named the cause; default: the rule itself. */
  readonly rule?: string;
  /** Waiting cannot help: somebody has to change something first. */
  readonly final: boolean;
}

export interface ClusterRule {
  readonly id: string;
  /** In general, for docs/kubernetes.md. */
  readonly sees: string;
  readonly fixes: string;
  readonly find: (seen: ClusterCase) => ClusterFinding | undefined;
}

/** A container that waits for one of these reasons, with its pod. */
export function waitingFor({ pods }: ClusterCase, reasons: readonly string[]) {
  for (const pod of pods) {
    const container = pod.containers.find(
      ({ now }) => now.kind === 'waiting' && reasons.includes(now.reason),
    );
    if (container !== undefined && !pod.deleting) return { pod, container };
  }
  return undefined;
}

/** The last event of this reason whose message matches. */
export function eventOfReason(
  { events }: ClusterCase,
  reasons: readonly string[],
  pattern = /./,
): ClusterEvent | undefined {
  return events.findLast(({ reason, message }) => reasons.includes(reason) && pattern.test(message));
}

export function eventText({ kind, name, reason, message, count }: ClusterEvent): string {
  return `${kind} ${name}: ${reason}${count > 1 ? ` (×${count})` : ''}: ${message.replaceAll(/\s+/g, ' ')}`;
}
