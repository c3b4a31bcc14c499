/** All checks of a cluster: what `up` looks at before it changes anything, and what the doctor reports. */
import { messageOf } from '../base/error-code.ts';
import { skip } from '../doctor/check.ts';
import { namespaceCheck, ownCheck, rightsCheck } from './checks/access.ts';
import type { ClusterCheck, ClusterNeeds, ClusterReport } from './checks/cluster-check.ts';
import { claimCheck, gpuCheck, multinodeCheck, secretCheck } from './checks/needs.ts';
import { clusterCheck, kubectlCheck, operatorCheck, resourceCheck } from './checks/platform.ts';
import { answerWithinMs, type Kubectl } from './kubectl.ts';

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

/** All at once. A check that throws is skipped, with the reason. Rejects only with the reason of `signal`. */
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
