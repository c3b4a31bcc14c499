/** Rules about pods that no node takes. */
import type { ClusterNode, Graph } from '../objects.ts';
import { conditionOf } from '../progress.ts';
import { type ClusterRule, eventOfReason, eventText } from '../rule.ts';

export const quota: ClusterRule = {
  id: 'quota',
  sees: '`exceeded quota` in an event or a condition',
  fixes: 'a larger ResourceQuota, fewer replicas, or another namespace',
  find: (seen) => {
    const event = eventOfReason(seen, ['FailedCreate', 'Failed', 'ReplicaSetCreateError'], /exceeded quota/i);
    const inState = /exceeded quota/i.test(seen.state.text) ? seen.state.text : undefined;
    const said = event === undefined ? inState : eventText(event);
    if (said === undefined) return undefined;
    const name = /exceeded quota: ([\w.-]+)/.exec(said)?.[1];
    return {
      cause: `${name === undefined ? 'a quota' : `the quota ${name}`} of namespace ${seen.graph.namespace} does not allow its pods`,
      evidence: [said],
      fix: seen.kubectl.line('describe', 'resourcequota', ...(name === undefined ? [] : [name])),
      final: false,
    };
  },
};

/** Grove removes its gate within seconds when the whole group fits. */
const gatedForMs = 60_000;

export const schedulingGated: ClusterRule = {
  id: 'scheduling-gated',
  sees: 'a pod that has been `SchedulingGated` for a minute, and the name of its gate',
  fixes: 'versions of Grove, KAI scheduler and operator that work together',
  find: ({ pods, graph, now, kubectl }) => {
    const pod = pods.find(
      ({ conditions, createdAt }) =>
        gatedSince(conditionOf(conditions, 'PodScheduled'), createdAt) <= now - gatedForMs,
    );
    if (pod === undefined) return undefined;
    const gates = pod.schedulingGates.join(', ') || 'unnamed';
    const said = conditionOf(pod.conditions, 'PodScheduled')?.message ?? '';
    const byGrove = pod.schedulingGates.some((gate) => gate.startsWith('grove.io/'));
    return {
      cause: `pods of ${graph.name} are held back by the scheduling gate ${gates}${byGrove ? ', which Grove removes when the whole group of pods fits' : ''}`,
      evidence: [`Pod ${pod.name}: SchedulingGated: ${said}`],
      fix: byGrove
        ? `${kubectl.line('get', 'podgangs.scheduler.grove.io')}   # and compare the versions of Grove, KAI scheduler and operator`
        : kubectl.line('get', 'pod', pod.name, '-o', "'jsonpath={.spec.schedulingGates}'"),
      final: false,
    };
  },
};

/** `Infinity`: it is not gated. The API server sets this condition without a time. */
function gatedSince(condition: ReturnType<typeof conditionOf>, createdAt: number): number {
  if (condition?.reason !== 'SchedulingGated') return Infinity;
  return Number.isNaN(condition.changedAt) ? createdAt : condition.changedAt;
}

export const unschedulable: ClusterRule = {
  id: 'unschedulable',
  sees: '`FailedScheduling`, with the GPUs that are needed and what each node has',
  fixes: 'fewer replicas or fewer `gpus`, more nodes, or ending what holds the GPUs',
  find: (seen) => {
    const stuck = seen.pods.filter(
      ({ conditions, node }) =>
        node === undefined && conditionOf(conditions, 'PodScheduled')?.reason === 'Unschedulable',
    );
    const [pod] = stuck;
    if (pod === undefined) return undefined;
    const said = conditionOf(pod.conditions, 'PodScheduled')?.message ?? '';
    const { nodes } = seen;
    const wanted = pod.gpus;
    const offer = nodes === undefined ? [] : [gpusText(nodes)];
    const evidence = [`Pod ${pod.name}: ${said}`, `needed: ${gpuSum(seen.graph)}`, ...offer];
    const biggest = Math.max(0, ...(nodes ?? []).map(({ gpus }) => gpus));
    const none = nodes !== undefined && wanted > 0 && biggest === 0;
    const tooSmall = nodes !== undefined && wanted > biggest && biggest > 0;
    const cause = none
      ? 'no node of the cluster offers a GPU (nvidia.com/gpu)'
      : tooSmall
        ? `a pod of ${pod.component} needs ${wanted} GPUs, and the largest node has ${biggest}`
        : /Insufficient nvidia\.com\/gpu/.test(said)
          ? `${stuck.length === 1 ? 'a pod finds' : `${stuck.length} pods find`} no node with ${wanted} free ${wanted === 1 ? 'GPU' : 'GPUs'}`
          : `no node takes pod ${pod.name}`;
    return {
      cause,
      evidence,
      fix: none
        ? 'kubectl get pods --all-namespaces -l app=nvidia-device-plugin-daemonset   # is the GPU operator there?'
        : tooSmall
          ? `--set components.${pod.component}.gpus=${biggest}   # or components.${pod.component}.nodes=${Math.ceil(wanted / biggest)}`
          : seen.kubectl.line('describe', 'pod', pod.name),
      // An autoscaler may add a node.
      final: false,
    };
  },
};

function gpuSum({ components }: Graph): string {
  const rows = components.filter(({ gpus }) => gpus > 0);
  return (
    rows.map(({ name, gpus, replicas, nodes }) => `${name} ${replicas * nodes}×${gpus} GPU`).join(', ') ||
    'no GPU'
  );
}

function gpusText(nodes: readonly ClusterNode[]): string {
  const rows = nodes
    .filter(({ gpus }) => gpus > 0)
    .map(({ name, gpus, ready }) => `${name} ${gpus}${ready ? '' : ' (not ready)'}`);
  return `allocatable GPUs: ${rows.join(', ') || `none on ${nodes.length} nodes`}`;
}
