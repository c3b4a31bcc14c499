/** What a rule about a deployment on a cluster gets, and what it finds. Rules are pure functions. */
import type { Kubectl } from './kubectl.ts';
import type { Claim, ClusterEvent, ClusterNode, Graph, Pod } from './objects.ts';
import type { GraphState } from './progress.ts';

export interface ClusterCase {
  readonly graph: Graph;
  readonly state: GraphState;
  readonly pods: readonly Pod[];
  /** Events of the deployment and of everything whose name begins with its name, oldest first. */
  readonly events: readonly ClusterEvent[];
  /** Absent if this user cannot list them. */
  readonly nodes?: readonly ClusterNode[] | undefined;
  /** The claims that its pods mount, by name; `undefined` if there is no such claim. */
  readonly claims: ReadonlyMap<string, Claim | undefined>;
  /** The end of the log of containers that have ended at least once, by pod. */
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
  /** Id of the rule for logs that found the cause; default: this rule. */
  readonly rule?: string;
  /** Waiting cannot help: somebody has to change something first. */
  readonly final: boolean;
}

export interface ClusterRule {
  readonly id: string;
  /** For docs/kubernetes.md. */
  readonly sees: string;
  readonly fixes: string;
  readonly find: (seen: ClusterCase) => ClusterFinding | undefined;
}

/** The first container that is waiting with one of these reasons, and its pod. */
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
