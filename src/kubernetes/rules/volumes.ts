/** Rules about the PersistentVolumeClaims that pods mount. */
import { conditionOf } from '../progress.ts';
import { type ClusterRule, eventOfReason, eventText } from '../rule.ts';

export const claimUnbound: ClusterRule = {
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
              ? `the PersistentVolumeClaim ${name} does not exist in namespace ${seen.graph.namespace}`
              : `the PersistentVolumeClaim ${name} is not bound to a volume`,
          evidence,
          fix:
            claim === undefined
              ? `--model-cache NAME   # ${seen.kubectl.line('get', 'pvc')} lists them`
              : seen.kubectl.line('describe', 'pvc', name),
          final: claim === undefined,
        };
      }
    }
    return undefined;
  },
};

const inUse =
  /Multi-Attach error|volume node affinity conflict|already used by pod|ReadWriteOncePod access mode/i;

/** Only with such an event: some storage lets several nodes mount what is called ReadWriteOnce. */
export const claimOnOneNode: ClusterRule = {
  id: 'claim-on-one-node',
  sees: '`Multi-Attach error`, or another event that says that a ReadWriteOnce volume is in use elsewhere',
  fixes: 'a claim with ReadWriteMany for `--model-cache`',
  find: (seen) => {
    const event = eventOfReason(seen, ['FailedAttachVolume', 'FailedMount', 'FailedScheduling'], inUse);
    const shared = [...seen.claims].find(
      ([name, claim]) =>
        claim !== undefined &&
        claim.accessModes.length > 0 &&
        claim.accessModes.every((mode) => mode.startsWith('ReadWriteOnce')) &&
        seen.pods.some(
          (pod) => pod.claims.includes(name) && conditionOf(pod.conditions, 'Ready')?.status !== 'True',
        ),
    );
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
