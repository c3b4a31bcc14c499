/** Keeps runs apart that share an etcd or a NATS: each gets a namespace of its own. */
import type { Profile, WorkerSpec } from '../profile/profile.ts';
import { infraNames, infraTitles, isOwn, type InfraUses } from './infra.ts';
import type { Choice } from './plan.ts';

export interface Namespaced {
  readonly profile: Profile;
  readonly choices: readonly Choice[];
}

/** `runId` ends in characters of its own after the last `-`. With etcd and NATS of its own a run keeps the profile's. */
export function namespaced(profile: Profile, uses: InfraUses, runId: string): Namespaced {
  const shared = infraNames.filter((name) => {
    const use = uses[name];
    return use !== undefined && !isOwn(use);
  });
  if (shared.length === 0) return { profile, choices: [] };
  const namespace = `${profile.namespace}-${runId.slice(runId.lastIndexOf('-') + 1)}`;
  const because = `others may use this ${shared.map((name) => infraTitles[name]).join(' and ')}: a name of its own keeps the run apart`;
  return {
    profile: withNamespace(profile, namespace),
    choices: [{ what: 'namespace', value: namespace, because }],
  };
}

function withNamespace(profile: Profile, namespace: string): Profile {
  const components = Object.entries(profile.components).map(([name, spec]): [string, typeof spec] => [
    name,
    spec.kind === 'worker' ? moved(spec, namespace) : spec,
  ]);
  return { ...profile, namespace, components: Object.fromEntries(components) };
}

/** An endpoint is written namespace.component.endpoint. */
function moved(spec: WorkerSpec, namespace: string): WorkerSpec {
  if (spec.endpoint === undefined) return spec;
  return { ...spec, endpoint: spec.endpoint.replace(/^[^.]+/, namespace) };
}
