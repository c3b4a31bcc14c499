/** Checks of what one deployment needs on its cluster: secret, volume, GPUs, several nodes. */
import { fail, ok, skip, warn } from '../../doctor/check.ts';
import { apiGroups, readClaim, readNodes, secretKeys } from '../cluster.ts';
import type { Kubectl } from '../kubectl.ts';
import type { ClusterCheck } from './cluster-check.ts';

export const secretCheck: ClusterCheck = {
  id: 'K7',
  name: 'hf-secret',
  title: 'the secret with the Hugging Face token exists and has HF_TOKEN',
  beforeUp: true,
  look: async (kubectl, needs, call) => {
    const name = needs?.hfSecret;
    if (name === undefined) return skip('no --hf-secret: only models that need no login');
    const keys = await secretKeys(kubectl, name, call);
    if (keys.kind === 'problem') return skip(`the secret ${name} cannot be read: ${keys.problem.said}`);
    const create = hfSecretFix(kubectl, name);
    if (keys.value === undefined)
      return fail(`there is no secret ${name} in namespace ${kubectl.place.namespace}`, create);
    if (!keys.value.includes('HF_TOKEN'))
      return fail(`the secret ${name} has no key HF_TOKEN, but ${keys.value.join(', ') || 'none'}`, create);
    return ok(`${name}: ${keys.value.join(', ')}`);
  },
};

/** Other users can list command lines, so the token must not be in one. */
export function hfSecretFix({ line }: Pick<Kubectl, 'line'>, name: string): string {
  return `printf %s "$HF_TOKEN" | ${line('create', 'secret', 'generic', name, '--from-file=HF_TOKEN=/dev/stdin')}`;
}

export const claimCheck: ClusterCheck = {
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
        `the PersistentVolumeClaim ${name} is ${modes}: only pods on one node can mount it, and there will be ${needs?.pods}`,
        '--model-cache NAME   # of a claim with access mode ReadWriteMany',
      );
    return ok(`${name}: ${claim.phase}, ${modes}`);
  },
};

export const gpuCheck: ClusterCheck = {
  id: 'K9',
  name: 'gpus',
  title: 'nodes offer enough GPUs',
  beforeUp: true,
  look: async (kubectl, needs, call) => {
    const nodes = await readNodes(kubectl, call);
    if (nodes.kind === 'problem') return skip(`this user cannot list nodes (${nodes.problem.said})`);
    const offers = nodes.value.filter(({ gpus }) => gpus > 0);
    const sum = offers.reduce((total, { gpus }) => total + gpus, 0);
    const biggest = Math.max(0, ...offers.map(({ gpus }) => gpus));
    const seen = `${sum} allocatable GPUs on ${offers.length} of ${nodes.value.length} nodes`;
    const details = offers.map(({ name, gpus, ready }) => `${name}: ${gpus}${ready ? '' : ', not ready'}`);
    const wanted = needs?.gpus ?? 1;
    const columns = "custom-columns='NODE:.metadata.name,GPUS:.status.allocatable.nvidia\\.com/gpu'";
    const lookAt = kubectl.clusterLine('get', 'nodes', '-o', columns);
    // No reason to refuse: an autoscaler may add nodes.
    if (wanted > 0 && sum === 0) return warn(`no node offers a GPU (nvidia.com/gpu)`, lookAt, details);
    if (needs !== undefined && needs.gpusPerPod > biggest)
      return warn(
        `a pod needs ${needs.gpusPerPod} GPUs, and the largest node has ${biggest}`,
        lookAt,
        details,
      );
    if (needs !== undefined && needs.gpus > sum)
      return warn(`${needs.gpus} GPUs are needed, and there are ${seen}`, lookAt, details);
    return ok(seen, details);
  },
};

export const multinodeCheck: ClusterCheck = {
  id: 'K10',
  name: 'multinode',
  title: 'Grove or LeaderWorkerSet can start pods on several nodes together',
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
