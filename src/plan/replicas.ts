/** Turns the components of a profile into named processes, one for each replica, and orders their start and stop. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import type { Rank } from '../engine/engine.ts';
import { mostOnOneMachine } from '../profile/planner-bounds.ts';
import type { FrontendSpec, Profile, WorkerSpec } from '../profile/profile.ts';
import type { Edge, ProcessSpec } from './plan.ts';

interface ReplicaName {
  readonly name: string;
  readonly component: string;
}
export type FrontendEntry = ReplicaName & { readonly kind: 'frontend'; readonly spec: FrontendSpec };
export type WorkerEntry = ReplicaName & {
  readonly kind: 'worker';
  /** As in the profile: its GPUs are those of all hosts together. */
  readonly spec: WorkerSpec;
  /** Set when other hosts run the rest of it. */
  readonly rank?: Rank;
};
export type Replica = FrontendEntry | WorkerEntry;

/**
 * `counts` overrides the profile's count by component. Throws `usage` for a component that is not a worker here, and
 * `profile-invalid` when two processes would have one name.
 */
export function replicasOf(profile: Profile, counts: Readonly<Record<string, number>>): Replica[] {
  const workers = Object.entries(profile.components).flatMap(([name, spec]) =>
    spec.kind === 'worker' ? [name] : [],
  );
  for (const component of Object.keys(counts)) {
    if (workers.includes(component)) continue;
    const meant = nearest(component, workers);
    throw new DynamoError(
      'usage',
      `--replicas ${component}=…: profile ${profile.name} has no worker ${component}.`,
      {
        hint: meant === undefined ? `workers: ${workers.join(', ')}` : `did you mean --replicas ${meant}=…?`,
        fields: { asked: component, choices: workers, nearest: meant },
      },
    );
  }
  const replicas = Object.entries(profile.components).flatMap(([component, spec]): Replica[] => {
    if (spec.kind === 'frontend') return [{ name: component, component, kind: 'frontend', spec }];
    const count = counts[component] ?? spec.replicas;
    return Array.from({ length: count }, (_, i) => ({
      name: count === 1 ? component : `${component}-${i + 1}`,
      component,
      kind: 'worker',
      spec,
    }));
  });
  const names = replicas.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return replicas;
  throw new DynamoError(
    'profile-invalid',
    `Two processes would be named ${twice}: a component and a replica of another component.`,
    {
      hint: `rename the component ${twice}`,
      fields: { process: twice },
    },
  );
}

/** Cache-aware routing needs at least two workers, each with a prefix cache. */
export function routesByCache(replicas: readonly Replica[]): boolean {
  const workers = replicas.flatMap((replica) => (replica.kind === 'worker' ? [replica.spec] : []));
  return (
    replicas.some((replica) => replica.kind === 'frontend' && replica.spec.router.mode === 'kv') &&
    workers.length > 1 &&
    workers.every(({ radixCache }) => radixCache)
  );
}

/** Throws `usage` for more workers than one machine can run. */
export function requireFew(replicas: readonly Replica[], { name }: Pick<Profile, 'name'>): void {
  // Those of one component stand together.
  const many = replicas.find(({ component }, i) => replicas[i - mostOnOneMachine]?.component === component);
  if (many === undefined) return;
  throw new DynamoError(
    'usage',
    `components.${many.component}.replicas: one machine runs up to ${mostOnOneMachine} of a component.`,
    {
      hint: `dynamo plan ${name} --on kubernetes`,
      impossible: true,
      fields: { option: '--replicas', asked: many.component },
    },
  );
}

/** GPUs that this host has of it. */
export function gpusHere({ spec, rank }: Pick<WorkerEntry, 'spec' | 'rank'>): number {
  return spec.gpus / (rank?.of ?? 1);
}

/** Throws `usage` for a worker whose profile spreads it over several machines: this is one. */
export function requireOneHost(replicas: readonly Replica[], { name }: Pick<Profile, 'name'>): void {
  const spread = replicas.find((replica) => replica.kind === 'worker' && replica.spec.nodes > 1);
  if (spread?.kind !== 'worker') return;
  const { component, spec } = spread;
  throw new DynamoError('usage', `components.${component}.nodes: ${spec.nodes} machines, and this is one.`, {
    details: [
      `On one machine: --set components.${component}.nodes=1`,
      `On Kubernetes:  dynamo plan ${name} --on kubernetes`,
    ],
    hint: `dynamo plan ${name} --nnodes ${spec.nodes}   # prints the command of each host`,
    impossible: true,
    fields: { key: `components.${component}.nodes`, asked: String(spec.nodes) },
  });
}

/** Dependencies of each process: depending on a component means depending on all its replicas. */
export function edgesOf(replicas: readonly Replica[]): Map<string, readonly Edge[]> {
  return new Map(
    replicas.map((replica) => [
      replica.name,
      Object.entries(replica.spec.dependsOn).flatMap(([component, condition]) =>
        replicas
          .filter((other) => other.component === component)
          .map(({ name }) => ({ process: name, condition })),
      ),
    ]),
  );
}

/**
 * The dependencies with etcd and NATS first: processes of upstream up to 1.3 exit immediately without them
 * (docs/upstream/discovery.md#etcd). Throws `profile-invalid` when a component has the name of one of them.
 */
export function afterInfra(
  infra: readonly Pick<ProcessSpec, 'name'>[],
  edges: ReadonlyMap<string, readonly Edge[]>,
): Map<string, readonly Edge[]> {
  const waits = infra.map(({ name }): Edge => ({ process: name, condition: 'ready' }));
  for (const { name } of infra) {
    if (!edges.has(name)) continue;
    throw new DynamoError(
      'profile-invalid',
      `The name ${name} is reserved: this run starts its own process ${name}.`,
      {
        hint: `rename the component ${name}`,
        fields: { process: name },
      },
    );
  }
  return new Map([
    ...infra.map(({ name }): [string, readonly Edge[]] => [name, []]),
    ...[...edges].map(([name, own]): [string, readonly Edge[]] => [name, [...waits, ...own]]),
  ]);
}

/** The names ordered so that each comes after its dependencies; otherwise in the given order. */
export function topologicalOrder(edges: ReadonlyMap<string, readonly Edge[]>): string[] {
  const ordered: string[] = [];
  const visiting = new Set<string>();
  const visit = (name: string): void => {
    if (ordered.includes(name)) return;
    if (visiting.has(name)) {
      const chain = [...visiting, name].join(' → ');
      throw new DynamoError('profile-invalid', `These processes depend on each other: ${chain}.`, {
        fields: { processes: [...visiting, name] },
      });
    }
    visiting.add(name);
    for (const edge of edges.get(name) ?? []) visit(edge.process);
    visiting.delete(name);
    ordered.push(name);
  };
  for (const name of edges.keys()) visit(name);
  return ordered;
}

/**
 * The waves of a stop: the frontend first, so that no request reaches a worker that is shutting down; then each process
 * before its dependencies.
 */
export function stopWaves(
  replicas: readonly Pick<ProcessSpec, 'name' | 'kind'>[],
  edges: ReadonlyMap<string, readonly Edge[]>,
): string[][] {
  const kinds = new Map(replicas.map(({ name, kind }) => [name, kind]));
  const depth = new Map<string, number>();
  for (const name of topologicalOrder(edges).toReversed()) {
    const dependents = [...edges].filter(([, list]) => list.some((edge) => edge.process === name));
    const after = dependents.map(([dependent]) => (depth.get(dependent) ?? 0) + 1);
    const floor = kinds.get(name) === 'frontend' ? 0 : 1;
    depth.set(name, Math.max(floor, ...after));
  }
  const waves = [...new Set(depth.values())].toSorted((a, b) => a - b);
  return waves.map((wave) => replicas.map(({ name }) => name).filter((name) => depth.get(name) === wave));
}
