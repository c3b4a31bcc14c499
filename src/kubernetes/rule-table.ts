/** All rules about a deployment on a cluster, most specific first: the first one that matches is the diagnosis. */
import type { ClusterCase, ClusterFinding, ClusterRule } from './rule.ts';
import { imagePull, missingSecret } from './rules/container-start.ts';
import { crashed, outOfMemory, podFailed } from './rules/crashes.ts';
import { namesTooLong, noOrchestrator, operatorFailed, operatorSilent } from './rules/operator.ts';
import { quota, schedulingGated, unschedulable } from './rules/scheduling.ts';
import { claimOnOneNode, claimUnbound } from './rules/volumes.ts';

/** What the cluster reports comes before what logs say, and that before what is left when nothing else is known. */
export const clusterRules: readonly ClusterRule[] = [
  imagePull,
  missingSecret,
  quota,
  noOrchestrator,
  namesTooLong,
  claimUnbound,
  claimOnOneNode,
  schedulingGated,
  unschedulable,
  podFailed,
  outOfMemory,
  crashed,
  operatorFailed,
  operatorSilent,
];

export type ClusterDiagnosis = ClusterFinding & { readonly rule: string };

export function clusterFinding(seen: ClusterCase): ClusterDiagnosis | undefined {
  for (const { id, find } of clusterRules) {
    const finding = find(seen);
    if (finding !== undefined) return { rule: id, ...finding };
  }
  return undefined;
}
