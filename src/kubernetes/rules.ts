/** The rules of a cluster, the most specific first: the first one that finds something is the diagnosis. */
import type { ClusterNode, Graph } from './objects.ts';
import { crashed, outOfMemory } from './pod-logs.ts';
import { hfSecretFix } from './pre-checks.ts';
import { conditionOf } from './progress.ts';
import {
  type ClusterCase,
  type ClusterFinding,
  type ClusterRule,
  eventOfReason,
  eventText,
  waitingFor,
} from './rule.ts';

const pullReasons = ['ImagePullBackOff', 'ErrImagePull', 'InvalidImageName', 'ErrImageNeverPull'];
/** Words of registries that do not change by asking again. */
const refusedPull = /401|403|unauthorized|denied|forbidden|authentication required|authorization failed/i;
const missingImage = /not found|manifest unknown|does not exist|invalid reference format|InvalidImageName/i;

/** NGC needs a login for images that are not public, and answers 401 or 403 for those that do not exist. */
const imagePull: ClusterRule = {
  id: 'image-pull',
  sees: '`ImagePullBackOff` or `ErrImagePull`; whether the pod has an image pull secret',
  fixes: 'a pull secret for nvcr.io, or `--image` with a tag that exists',
  find: (seen) => {
    const stuck = waitingFor(seen, pullReasons);
    if (stuck === undefined) return undefined;
    const { pod, container } = stuck;
    const events = seen.events.filter(({ name, reason }) => name === pod.name && reason === 'Failed');
    const last = events.findLast(({ message }) => /pull/i.test(message));
    const said = `${container.now.message} ${last?.message ?? ''}`;
    const evidence = [
      `Pod ${pod.name}: ${container.now.reason}: ${container.now.message}`,
      ...(last === undefined ? [] : [eventText(last)]),
    ];
    // A back-off follows a second try that failed.
    const final = container.now.reason !== 'ErrImagePull';
    if (refusedPull.test(said)) {
      const has = pod.pullSecrets;
      return has.length === 0
        ? {
            cause: `the registry refuses ${container.image}, and the pods have no image pull secret`,
            evidence,
            fix: `docker login nvcr.io && ${seen.kubectl('create', 'secret', 'generic', 'nvcr', '--type=kubernetes.io/dockerconfigjson', '--from-file=.dockerconfigjson=$HOME/.docker/config.json')}`,
            final,
          }
        : {
            cause: `the registry refuses ${container.image}, although the pods have the image pull secret ${has.join(', ')}: its key is wrong or may not read this image`,
            evidence,
            fix: `${seen.kubectl('get', 'secret', has[0] ?? '', '-o', 'yaml')}   # or another image: --image`,
            final,
          };
    }
    if (missingImage.test(said))
      return {
        cause: `there is no image ${container.image}`,
        evidence,
        fix: '--image nvcr.io/nvidia/ai-dynamo/sglang-runtime:VERSION   # with a tag that exists',
        final,
      };
    return {
      cause: `the image ${container.image} cannot be pulled to node ${pod.node ?? '?'}`,
      evidence,
      fix: seen.kubectl('describe', 'pod', pod.name),
      final: false,
    };
  },
};

const missingSecret: ClusterRule = {
  id: 'missing-secret',
  sees: '`CreateContainerConfigError` or `FailedMount` that names a secret or a config map',
  fixes: 'create it, or name another one with `--hf-secret`',
  find: (seen) => {
    const stuck = waitingFor(seen, ['CreateContainerConfigError', 'CreateContainerError']);
    const said = stuck?.container.now.message ?? '';
    const mount = eventOfReason(seen, ['FailedMount'], /(secret|configmap) "[^"]+" not found/i);
    const [, kind, name] =
      /(secret|configmap) "([^"]+)" not found/i.exec(`${said} ${mount?.message ?? ''}`) ?? [];
    if (name === undefined) {
      const key = /couldn't find key (\S+) in Secret \S*?\/?([\w.-]+)$/.exec(said);
      if (key === null) return undefined;
      return {
        cause: `the secret ${key[2]} has no key ${key[1]}`,
        evidence: [`Pod ${stuck?.pod.name}: ${said}`],
        fix: hfSecretFix(seen.kubectl, key[2] ?? ''),
        final: true,
      };
    }
    const isSecret = kind?.toLowerCase() === 'secret';
    return {
      cause: `the pods need the ${isSecret ? 'secret' : 'config map'} ${name}, and there is none in namespace ${seen.graph.namespace}`,
      evidence: [stuck === undefined ? eventText(mount!) : `Pod ${stuck.pod.name}: ${said}`],
      fix: isSecret ? hfSecretFix(seen.kubectl, name) : seen.kubectl('get', 'configmaps'),
      final: true,
    };
  },
};

const claimUnbound: ClusterRule = {
  id: 'claim-unbound',
  sees: 'a pod that waits for a PersistentVolumeClaim which is missing or not bound',
  fixes: 'create it, or give it a storage class that can provide it',
  find: (seen) => {
    const waiting = seen.pods.filter((pod) => pod.node === undefined && pod.claims.length > 0);
    for (const pod of waiting) {
      for (const name of pod.claims) {
        const claim = seen.claims.get(name);
        if (claim?.phase === 'Bound' || !seen.claims.has(name)) continue;
        const said = conditionOf(pod.conditions, 'PodScheduled')?.message ?? '';
        const evidence = [
          claim === undefined
            ? `PersistentVolumeClaim ${name}: not found`
            : `PersistentVolumeClaim ${name}: ${claim.phase}, storage class ${claim.storageClass || '(none)'}`,
          ...(said === '' ? [] : [`Pod ${pod.name}: ${said}`]),
        ];
        return {
          cause:
            claim === undefined
              ? `there is no PersistentVolumeClaim ${name} in namespace ${seen.graph.namespace}`
              : `the PersistentVolumeClaim ${name} is not bound to a volume`,
          evidence,
          fix:
            claim === undefined
              ? `--model-cache NAME   # ${seen.kubectl('get', 'pvc')} lists them`
              : seen.kubectl('describe', 'pvc', name),
          final: claim === undefined,
        };
      }
    }
    return undefined;
  },
};

/** One node at a time may mount such a volume; pods on the same node may share it. */
const claimOnOneNode: ClusterRule = {
  id: 'claim-on-one-node',
  sees: '`Multi-Attach error`, or pods on several nodes that mount a ReadWriteOnce claim',
  fixes: 'a claim with ReadWriteMany for `--model-cache`',
  find: (seen) => {
    const event = eventOfReason(
      seen,
      ['FailedAttachVolume', 'FailedMount', 'FailedScheduling'],
      /Multi-Attach error|volume node affinity conflict|already used by pod/i,
    );
    const shared = [...seen.claims].find(([name, claim]) => {
      const once =
        claim !== undefined &&
        claim.accessModes.length > 0 &&
        claim.accessModes.every((mode) => mode.startsWith('ReadWriteOnce'));
      const stuck = seen.pods.some(
        (pod) => pod.claims.includes(name) && conditionOf(pod.conditions, 'Ready')?.status !== 'True',
      );
      return once && stuck && (event !== undefined || nodesOf(seen, name).size > 1);
    });
    if (event === undefined || shared === undefined) return undefined;
    const [name, claim] = shared;
    return {
      cause: `the PersistentVolumeClaim ${name} is ${claim?.accessModes.join(', ')}: only one node at a time can mount it, and the pods are on several`,
      evidence: [eventText(event)],
      fix: '--model-cache NAME   # of a claim with access mode ReadWriteMany',
      final: false,
    };
  },
};

function nodesOf({ pods }: ClusterCase, claim: string): Set<string> {
  return new Set(pods.filter(({ claims }) => claims.includes(claim)).flatMap(({ node }) => node ?? []));
}

const gated: ClusterRule = {
  id: 'scheduling-gated',
  sees: 'pods that are `SchedulingGated`',
  fixes: 'versions of Grove, KAI scheduler and operator that fit one another',
  find: (seen) => {
    const pod = seen.pods.find(
      ({ conditions }) => conditionOf(conditions, 'PodScheduled')?.reason === 'SchedulingGated',
    );
    if (pod === undefined || seen.ageMs < 60_000) return undefined;
    return {
      cause: `pods of ${seen.graph.name} are held back by a scheduling gate, which Grove takes away when the whole group fits`,
      evidence: [
        `Pod ${pod.name}: SchedulingGated: ${conditionOf(pod.conditions, 'PodScheduled')?.message ?? ''}`,
      ],
      fix: seen.kubectl('get', 'pod', pod.name, '-o', 'jsonpath={.spec.schedulingGates}'),
      final: false,
    };
  },
};

const unschedulable: ClusterRule = {
  id: 'unschedulable',
  sees: '`FailedScheduling`, with the GPUs that are wanted and what each node has',
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
    const evidence = [`Pod ${pod.name}: ${said}`, `wanted: ${gpuSum(seen.graph)}`, ...offer];
    const biggest = Math.max(0, ...(nodes ?? []).map(({ gpus }) => gpus));
    const none = nodes !== undefined && wanted > 0 && biggest === 0;
    const tooSmall = nodes !== undefined && wanted > biggest && biggest > 0;
    const cause = none
      ? 'no node of the cluster offers a GPU (nvidia.com/gpu)'
      : tooSmall
        ? `a pod of ${pod.component} wants ${wanted} GPUs, and the largest node has ${biggest}`
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
          : seen.kubectl('describe', 'pod', pod.name),
      // An autoscaler may bring a node.
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

const quota: ClusterRule = {
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
      cause: `the quota ${name ?? ''} of namespace ${seen.graph.namespace} does not allow its pods`.replace(
        '  ',
        ' ',
      ),
      evidence: [said],
      fix: seen.kubectl('describe', 'resourcequota', ...(name === undefined ? [] : [name])),
      final: false,
    };
  },
};

const noOrchestrator: ClusterRule = {
  id: 'no-multinode-orchestrator',
  sees: 'the condition `no_multinode_orchestrator_available`',
  fixes: 'Grove, or LeaderWorkerSet with Volcano, on the cluster; or a component on one node',
  find: ({ state, graph }) => {
    if (!/no_multinode_orchestrator_available|multinode orchestrator/i.test(`${state.reason} ${state.text}`))
      return undefined;
    const names = graph.components.filter(({ nodes }) => nodes > 1).map(({ name }) => name);
    return {
      cause: `${names.join(' and ') || 'a component'} runs on several nodes, and the cluster has neither Grove nor LeaderWorkerSet`,
      evidence: [state.text],
      fix: `--set components.${names[0] ?? 'NAME'}.nodes=1   # or install Grove: docs/kubernetes.md, "Several nodes"`,
      final: true,
    };
  },
};

/** Grove makes names of pod groups out of those of deployment and component, and they may have 45 characters. */
const namesTooLong: ClusterRule = {
  id: 'names-too-long',
  sees: 'a condition or event that says that a name is too long',
  fixes: 'a shorter `--name`',
  find: (seen) => {
    const pattern =
      /(must be no more than|exceeds|longer than|at most|too long).{0,60}\b(45|52|63)\b|\b(45|63) characters/i;
    const event = seen.events.findLast(({ type, message }) => type === 'Warning' && pattern.test(message));
    const said =
      event === undefined ? (pattern.test(seen.state.text) ? seen.state.text : undefined) : eventText(event);
    if (said === undefined) return undefined;
    return {
      cause: `the name ${seen.graph.name} with those of its components is longer than the cluster takes`,
      evidence: [said],
      fix: '--name a-short-one',
      final: true,
    };
  },
};

const evicted: ClusterRule = {
  id: 'pod-evicted',
  sees: 'a pod that has ended as a whole: evicted, or its node lost',
  fixes: 'what the reason says; ephemeral storage is the usual one',
  find: (seen) => {
    const pod = seen.pods.find(({ phase, reason }) => phase === 'Failed' && reason !== '');
    if (pod === undefined) return undefined;
    return {
      cause: `pod ${pod.name} was ended by its node: ${pod.reason}`,
      evidence: [`Pod ${pod.name}: ${pod.reason}: ${pod.message}`],
      fix: seen.kubectl('describe', 'pod', pod.name),
      final: false,
    };
  },
};

const operatorFailed: ClusterRule = {
  id: 'operator-refuses',
  sees: '`state: failed` with a reason of the operator',
  fixes: 'what its message says',
  find: (seen) =>
    seen.state.kind !== 'failed'
      ? undefined
      : {
          cause: 'the operator of Dynamo cannot make the deployment',
          evidence: [seen.state.text],
          fix: seen.kubectl('describe', 'dynamographdeployment', seen.graph.name),
          final: /unsupported_workload_provider/.test(seen.state.reason),
        },
};

const operatorSilent: ClusterRule = {
  id: 'operator-silent',
  sees: 'no condition and no pod half a minute after the manifest was taken',
  fixes: 'the operator: is it running, and does it watch this namespace?',
  find: (seen) => {
    if (seen.ageMs < 30_000 || seen.graph.conditions.length > 0 || seen.pods.length > 0) return undefined;
    return {
      cause: `the operator of Dynamo does nothing with it: it is not running, or does not watch namespace ${seen.graph.namespace}`,
      evidence: [
        `DynamoGraphDeployment ${seen.graph.name}: no condition and no pod after ${Math.round(seen.ageMs / 1000)} s`,
      ],
      fix: 'kubectl get deployments --all-namespaces -l app.kubernetes.io/name=dynamo-operator',
      final: false,
    };
  },
};

/** What the cluster itself says goes before what logs say, and that before what is left when nothing else is known. */
export const clusterRules: readonly ClusterRule[] = [
  imagePull,
  missingSecret,
  quota,
  noOrchestrator,
  namesTooLong,
  claimUnbound,
  claimOnOneNode,
  gated,
  unschedulable,
  evicted,
  outOfMemory,
  crashed,
  operatorFailed,
  operatorSilent,
];

/** The first rule that finds something. */
export function clusterFinding(seen: ClusterCase): (ClusterFinding & { readonly rule: string }) | undefined {
  for (const { id, find } of clusterRules) {
    const finding = find(seen);
    if (finding !== undefined) return { rule: id, ...finding };
  }
  return undefined;
}
