/** Manifests of the shipped profiles, as `dynamo plan --on kubernetes` makes them. */
import { type ManifestPlan, planManifest } from '../../src/kubernetes/manifest.ts';
import type { KubernetesRequest, ManifestFault } from '../../src/kubernetes/target.ts';
import type { Profile } from '../../src/profile/profile.ts';

export function request(more: Partial<KubernetesRequest> = {}): KubernetesRequest {
  return { apiVersion: 'v1beta1', replicas: {}, env: {}, rawArgs: [], ...more };
}

export function manifestOf(profile: Profile, more: Partial<KubernetesRequest> = {}): ManifestPlan {
  const outcome = planManifest(profile, request(more));
  if (outcome.kind === 'planned') return outcome;
  throw new Error(outcome.faults.map(({ message }) => message).join('\n'));
}

export function faultsOf(profile: Profile, more: Partial<KubernetesRequest> = {}): readonly ManifestFault[] {
  const outcome = planManifest(profile, request(more));
  return outcome.kind === 'refused' ? outcome.faults : [];
}
