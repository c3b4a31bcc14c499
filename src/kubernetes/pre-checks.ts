/** Whether a cluster can take a deployment: what `up` looks at before it changes anything, and what the doctor reports. */
import { messageOf } from '../base/error-code.ts';
import { compareVersions } from '../base/package-version.ts';
import { type Finding, fail, ok, skip, warn } from '../doctor/check.ts';
import { objectOf, textOf } from '../smoke/answers.ts';
import { apiGroups, canI, readClaim, readNodes, secretKeys, servedVersion } from './cluster.ts';
import { answerWithinMs, type Call, type Kubectl } from './kubectl.ts';
import { itemsOf, parseJson } from './objects.ts';
import { type Problem, problemError } from './problem.ts';
import { labels, managedBy } from './target.ts';

/** What a deployment needs of its cluster. */
export interface ClusterNeeds {
  readonly hfSecret?: string | undefined;
  /** The PersistentVolumeClaim of the model cache. */
  readonly claim?: string | undefined;
  /** Of the largest pod. */
  readonly gpusPerPod: number;
  readonly gpus: number;
  readonly pods: number;
  /** Components that run on several nodes. */
  readonly multinode: readonly string[];
}

export interface ClusterCheck {
  /** Never changes its meaning: scripts and bug reports name it. */
  readonly id: `K${number}`;
  readonly name: string;
  /** What holds when it is ok. */
  readonly title: string;
  /** Made before `up` changes anything; the others are for the doctor. */
  readonly beforeUp: boolean;
  look(kubectl: Kubectl, needs: ClusterNeeds | undefined, call: Call): Promise<Finding>;
}

export interface ClusterReport extends Finding {
  readonly id: string;
  readonly name: string;
  readonly title: string;
}

/** Of what upstream's charts ask for. Source: docs/upstream/kubernetes.md#install-and-reach. */
const oldestCluster = '1.30';

const kubectlCheck: ClusterCheck = {
  id: 'K1',
  name: 'kubectl',
  title: 'kubectl is on PATH and runs',
  beforeUp: false,
  look: async (kubectl, _, call) => {
    const answer = await kubectl.run(['version', '--client', '-o', 'json'], call);
    const version = textOf(objectOf(parseJson(answer.stdout)?.['clientVersion'])['gitVersion']);
    if (version === undefined)
      return fail(`kubectl does not run: ${answer.stderr}`, 'kubectl version --client');
    return ok(`kubectl ${version}`);
  },
};

const clusterCheck: ClusterCheck = {
  id: 'K2',
  name: 'cluster',
  title: `the cluster answers and has Kubernetes ${oldestCluster} or newer`,
  beforeUp: false,
  look: async (kubectl, _, call) => {
    const answer = await kubectl.run(['version', '-o', 'json'], call);
    const version = textOf(objectOf(parseJson(answer.stdout)?.['serverVersion'])['gitVersion']);
    if (version === undefined) {
      const { message, hint } = await whyNot(kubectl, call);
      return fail(message, hint);
    }
    if (compareVersions(version.replace(/^v/, ''), oldestCluster) < 0)
      return fail(
        `Kubernetes ${version}; Dynamo's platform needs ${oldestCluster} or newer`,
        'upgrade the cluster',
      );
    return ok(
      `Kubernetes ${version}${kubectl.place.context === undefined ? '' : `, context ${kubectl.place.context}`}`,
    );
  },
};

async function whyNot(kubectl: Kubectl, call: Call): Promise<{ message: string; hint: string }> {
  const version = await servedVersion(kubectl, call);
  const problem: Problem =
    version.kind === 'problem'
      ? version.problem
      : { kind: 'unreachable', said: 'it does not say its version' };
  const error = problemError(problem, kubectl, 'no answer');
  return {
    message: `${error.message.replace(/\.$/, '')} (${problem.said})`,
    hint: error.hint ?? kubectl.line('version'),
  };
}

const resourceCheck: ClusterCheck = {
  id: 'K3',
  name: 'dynamo-platform',
  title: 'the cluster knows DynamoGraphDeployment',
  beforeUp: false,
  look: async (kubectl, _, call) => {
    const version = await servedVersion(kubectl, call);
    if (version.kind === 'problem')
      return failOf(version.problem, kubectl, 'the cluster does not serve DynamoGraphDeployment');
    return ok(`nvidia.com/${version.value}`);
  },
};

/** By the name that upstream's chart gives it. */
const operatorCheck: ClusterCheck = {
  id: 'K4',
  name: 'dynamo-operator',
  title: "Dynamo's operator is available",
  beforeUp: false,
  look: async (kubectl, _, call) => {
    const answer = await kubectl.run(['get', 'deployments', '--all-namespaces', '-o', 'json'], call);
    if (answer.code !== 0) return skip('this user may not list the Deployments of all namespaces');
    const found = itemsOf(answer.stdout)
      .map(objectOf)
      .find(({ metadata }) => /dynamo-operator/.test(textOf(objectOf(metadata)['name']) ?? ''));
    if (found === undefined)
      return warn(
        'there is no Deployment named dynamo-operator',
        'helm list --all-namespaces   # is dynamo-platform there?',
      );
    const { metadata, status } = found;
    const where = `${textOf(objectOf(metadata)['namespace'])}/${textOf(objectOf(metadata)['name'])}`;
    const available = Number(objectOf(status)['availableReplicas'] ?? 0);
    if (available > 0) return ok(`${where}: ${available} available`);
    const [namespace = '', name = ''] = where.split('/');
    return fail(
      `${where} has no replica that is available`,
      `kubectl -n ${namespace} describe deployment ${name}`,
    );
  },
};

const rightsCheck: ClusterCheck = {
  id: 'K5',
  name: 'rights',
  title: 'this user has permission to create, watch, reach and delete deployments',
  beforeUp: true,
  look: async (kubectl, _, call) => {
    const graphs = 'dynamographdeployments.nvidia.com';
    const needed = [
      ['create', graphs],
      ['patch', graphs],
      ['get', graphs],
      ['delete', graphs],
      ['list', 'pods'],
      ['get', 'pods', '--subresource=log'],
      ['create', 'pods', '--subresource=portforward'],
    ];
    const answers = await Promise.all(needed.map(async (what) => await canI(kubectl, what, call)));
    const problem = answers.find((answer) => answer.kind === 'problem');
    if (problem?.kind === 'problem')
      return failOf(problem.problem, kubectl, 'the permissions of this user are unknown');
    const missing = needed.filter((_what, i) => answers[i]?.kind === 'seen' && !answers[i].value);
    const words = missing.map((what) => what.join(' ').replace(' --subresource=', '/'));
    if (words.length === 0) return ok(`in namespace ${kubectl.place.namespace}`);
    return fail(
      `this user has no permission in namespace ${kubectl.place.namespace} to: ${words.join(', ')}`,
      kubectl.line('auth', 'can-i', ...(missing[0] ?? [])),
    );
  },
};

const namespaceCheck: ClusterCheck = {
  id: 'K6',
  name: 'namespace',
  title: 'the namespace exists',
  beforeUp: true,
  look: async (kubectl, _, call) => {
    const { namespace } = kubectl.place;
    const answer = await kubectl.run(['get', 'namespace', namespace, '-o', 'name'], call);
    if (answer.code === 0) return ok(namespace);
    if (/NotFound|not found/.test(answer.stderr))
      return fail(`there is no namespace ${namespace}`, `kubectl create namespace ${namespace}`);
    return skip(`this user may not read namespace ${namespace}`);
  },
};

const secretCheck: ClusterCheck = {
  id: 'K7',
  name: 'hf-secret',
  title: 'the secret with the Hugging Face token exists and has HF_TOKEN',
  beforeUp: true,
  look: async (kubectl, needs, call) => {
    const name = needs?.hfSecret;
    if (name === undefined) return skip('no --hf-secret: models that need no token only');
    const keys = await secretKeys(kubectl, name, call);
    if (keys.kind === 'problem') return skip(`the secret ${name} cannot be read: ${keys.problem.said}`);
    const create = hfSecretFix((...words) => kubectl.line(...words), name);
    if (keys.value === undefined)
      return fail(`there is no secret ${name} in namespace ${kubectl.place.namespace}`, create);
    if (!keys.value.includes('HF_TOKEN'))
      return fail(`the secret ${name} has no key HF_TOKEN, but ${keys.value.join(', ') || 'none'}`, create);
    return ok(`${name}: ${keys.value.join(', ')}`);
  },
};

/** Not with the token in the command line: whoever may list processes would see it. */
export function hfSecretFix(kubectl: (...words: readonly string[]) => string, name: string): string {
  return `printf %s "$HF_TOKEN" | ${kubectl('create', 'secret', 'generic', name, '--from-file=HF_TOKEN=/dev/stdin')}`;
}

const claimCheck: ClusterCheck = {
  id: 'K8',
  name: 'model-cache',
  title: 'the claim of the model cache exists, and all pods can mount it',
  beforeUp: true,
  look: async (kubectl, needs, call) => {
    const name = needs?.claim;
    if (name === undefined) return skip('no --model-cache: each pod downloads the model for itself');
    const seen = await readClaim(kubectl, name, call);
    if (seen.kind === 'problem')
      return skip(`the PersistentVolumeClaim ${name} cannot be read: ${seen.problem.said}`);
    const claim = seen.value;
    if (claim === undefined)
      return fail(
        `there is no PersistentVolumeClaim ${name} in namespace ${kubectl.place.namespace}`,
        kubectl.line('get', 'persistentvolumeclaims'),
      );
    const modes = claim.accessModes.join(', ');
    if (claim.phase === 'Lost')
      return fail(
        `the PersistentVolumeClaim ${name} has lost its volume`,
        kubectl.line('describe', 'pvc', name),
      );
    if ((needs?.pods ?? 1) > 1 && !/Many/.test(modes))
      return warn(
        `the PersistentVolumeClaim ${name} is ${modes}: only pods of one node can mount it, and there will be ${needs?.pods}`,
        '--model-cache NAME   # of a claim with access mode ReadWriteMany',
      );
    return ok(`${name}: ${claim.phase}, ${modes}`);
  },
};

const gpuCheck: ClusterCheck = {
  id: 'K9',
  name: 'gpus',
  title: 'nodes offer the GPUs that are wanted',
  beforeUp: true,
  look: async (kubectl, needs, call) => {
    const nodes = await readNodes(kubectl, call);
    if (nodes.kind === 'problem') return skip(`this user may not list nodes (${nodes.problem.said})`);
    const offers = nodes.value.filter(({ gpus }) => gpus > 0);
    const sum = offers.reduce((total, { gpus }) => total + gpus, 0);
    const biggest = Math.max(0, ...offers.map(({ gpus }) => gpus));
    const seen = `${sum} allocatable GPUs on ${offers.length} of ${nodes.value.length} nodes`;
    const details = offers.map(({ name, gpus, ready }) => `${name}: ${gpus}${ready ? '' : ', not ready'}`);
    const wanted = needs?.gpus ?? 1;
    const lookAt =
      'kubectl get nodes -o custom-columns=NODE:.metadata.name,GPUS:.status.allocatable.nvidia\\.com/gpu';
    // An autoscaler may bring nodes: no reason to refuse.
    if (wanted > 0 && sum === 0) return warn(`no node offers a GPU (nvidia.com/gpu)`, lookAt, details);
    if (needs !== undefined && needs.gpusPerPod > biggest)
      return warn(
        `a pod wants ${needs.gpusPerPod} GPUs, and the largest node has ${biggest}`,
        lookAt,
        details,
      );
    if (needs !== undefined && needs.gpus > sum)
      return warn(`${needs.gpus} GPUs are wanted, and there are ${seen}`, lookAt, details);
    return ok(seen, details);
  },
};

const multinodeCheck: ClusterCheck = {
  id: 'K10',
  name: 'multinode',
  title: 'something on the cluster starts pods of several nodes together',
  beforeUp: true,
  look: async (kubectl, needs, call) => {
    const groups = await apiGroups(kubectl, call);
    if (groups.kind === 'problem') return skip(`the API groups cannot be read: ${groups.problem.said}`);
    const grove = groups.value.includes('grove.io');
    const sets =
      groups.value.includes('leaderworkerset.x-k8s.io') &&
      groups.value.some((name) => name.endsWith('volcano.sh'));
    if (grove || sets) return ok(grove ? 'Grove' : 'LeaderWorkerSet with Volcano');
    const names = needs?.multinode ?? [];
    if (names.length === 0)
      return skip('neither Grove nor LeaderWorkerSet: every component must fit on one node');
    return fail(
      `${names.join(' and ')} runs on several nodes, and the cluster has neither Grove nor LeaderWorkerSet with Volcano`,
      `--set components.${names[0]}.nodes=1   # or install Grove: docs/kubernetes.md, "Several nodes"`,
    );
  },
};

const ownCheck: ClusterCheck = {
  id: 'K11',
  name: 'own-deployments',
  title: 'deployments of ours in this namespace',
  beforeUp: false,
  look: async (kubectl, _, call) => {
    const words = ['get', 'dynamographdeployments', '-l', `${labels.managed}=${managedBy}`, '-o', 'name'];
    const answer = await kubectl.run(words, call);
    if (answer.code !== 0) return skip('they cannot be listed');
    const names = answer.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => line.replace(/^.*\//, ''));
    return ok(names.length === 0 ? 'none' : names.join(', '));
  },
};

export const clusterChecks: readonly ClusterCheck[] = [
  kubectlCheck,
  clusterCheck,
  resourceCheck,
  operatorCheck,
  rightsCheck,
  namespaceCheck,
  secretCheck,
  claimCheck,
  gpuCheck,
  multinodeCheck,
  ownCheck,
];

function failOf(problem: Problem, kubectl: Kubectl, doing: string): Finding {
  const { message, hint = kubectl.line('version') } = problemError(problem, kubectl, doing);
  return fail(message.replace(/\.$/, ''), hint, [`kubectl: ${problem.said}`]);
}

/** Side by side. What cannot be looked at is skipped and says why; rejects only with the reason of `signal`. */
export async function runClusterChecks(
  checks: readonly ClusterCheck[],
  kubectl: Kubectl,
  needs: ClusterNeeds | undefined,
  signal?: AbortSignal,
): Promise<ClusterReport[]> {
  return await Promise.all(
    checks.map(async ({ id, name, title, look }) => {
      const finding = await look(kubectl, needs, { timeoutMs: answerWithinMs, signal }).catch(
        (error: unknown) => {
          signal?.throwIfAborted();
          return skip(messageOf(error));
        },
      );
      return { id, name, title, ...finding };
    }),
  );
}

export async function preChecks(
  kubectl: Kubectl,
  needs: ClusterNeeds,
  signal: AbortSignal,
): Promise<ClusterReport[]> {
  const checks = clusterChecks.filter(({ beforeUp }) => beforeUp);
  return await runClusterChecks(checks, kubectl, needs, signal);
}
