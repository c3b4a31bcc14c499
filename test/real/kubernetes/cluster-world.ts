/** A world of a test with a cluster in it, and a player for what the control plane of the tests has not: operator, scheduler, kubelet. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { start, succeed } from '../../e2e/harness/cli.ts';
import { up as upHere } from '../../e2e/harness/deployment.ts';
import { standIn, type World } from '../../e2e/harness/world.ts';
import { until } from '../../support/until.ts';
import { type ControlPlane, kubectlProgram } from './harness.ts';

const script = fileURLToPath(new URL('stand-in-kubectl.js', import.meta.url));

/** Environment for commands that talk to the cluster. */
export function inCluster(world: World, plane: ControlPlane): Record<string, string> {
  const folder = podFolder(world);
  standIn(
    world,
    'kubectl',
    `#!/bin/sh\nexec ${process.execPath} ${script} ${folder} ${kubectlProgram} "$@"\n`,
  );
  return { KUBECONFIG: plane.kubeconfig };
}

function podFolder(world: World): string {
  const folder = join(world.root, 'pods');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Where port-forwards of this world lead: ports of this host. */
export function forwards(world: World, places: Readonly<Record<string, number>>): void {
  writeFileSync(join(podFolder(world), 'forwards.json'), JSON.stringify(places));
}

export function podLog(world: World, pod: string, text: string, life: 'now' | 'previous' = 'now'): void {
  writeFileSync(join(podFolder(world), `${pod}${life === 'now' ? '' : '.previous'}.log`), text);
}

interface GraphJson {
  readonly metadata: { readonly name: string; readonly uid: string; readonly generation: number };
  readonly spec: {
    readonly components?: readonly {
      readonly name: string;
      readonly replicas?: number;
      readonly multinode?: { readonly nodeCount: number };
      readonly podTemplate?: { spec: PodSpec };
    }[];
    readonly services?: Readonly<Record<string, { readonly replicas?: number }>>;
  };
}

interface PodSpec {
  readonly containers: readonly { readonly image: string; readonly resources?: unknown }[];
  readonly volumes?: readonly unknown[];
}

export interface Player {
  readonly pods: readonly string[];
  /** Status of one pod, merged into what it is. */
  pod(name: string, status: Record<string, unknown>): Promise<void>;
  /** Like a kubelet that runs the container and sees it ready. */
  podReady(name: string): Promise<void>;
  /** The condition Ready of the graph, as the operator writes it. */
  graph(status: 'True' | 'False', reason: string, message: string, state?: string): Promise<void>;
  event(about: { kind: string; name: string }, reason: string, message: string, type?: string): Promise<void>;
  /** Everything is up. */
  allReady(): Promise<void>;
  /** Like an operator that replaces a pod, or adds one. */
  make(name: string): Promise<void>;
}

/** Waits until the graph is there, and makes its pods. `onNode`: they are scheduled, and only a kubelet can end them. */
export async function play(
  plane: ControlPlane,
  namespace: string,
  name: string,
  { onNode = true, extra = {} }: { readonly onNode?: boolean; readonly extra?: Record<string, unknown> } = {},
): Promise<Player> {
  const podsPath = `/api/v1/namespaces/${namespace}/pods`;
  const graphPath = `/apis/nvidia.com/${plane.stored}/namespaces/${namespace}/dynamographdeployments/${name}`;
  const graph = await until(
    `a graph ${name}`,
    async () => await plane.api<GraphJson & Record<string, unknown>>('GET', graphPath),
    30_000,
  );
  const { uid } = graph.metadata;
  const components =
    graph.spec.components?.map((each) => ({
      name: each.name,
      replicas: (each.replicas ?? 1) * (each.multinode?.nodeCount ?? 1),
      spec: each.podTemplate?.spec,
    })) ??
    Object.entries(graph.spec.services ?? {}).map(([key, { replicas = 1 }]) => ({
      name: key,
      replicas,
      spec: undefined,
    }));
  const owner = {
    apiVersion: graph['apiVersion'],
    kind: 'DynamoGraphDeployment',
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  };
  const owned = new Map<string, (typeof components)[number]>();
  for (const component of components)
    for (let i = 0; i < component.replicas; i++)
      owned.set(`${name}-${component.name.toLowerCase()}-${i}`, component);
  const make = async (podName: string): Promise<void> => {
    // Those that `scale` adds were not known at first.
    const component =
      owned.get(podName) ??
      components.find((each) => podName.startsWith(`${name}-${each.name.toLowerCase()}-`));
    const [container] = component?.spec?.containers ?? [];
    await plane.api('POST', podsPath, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: podName,
        labels: {
          'nvidia.com/dynamo-graph-deployment-name': name,
          'nvidia.com/dynamo-component': component?.name,
        },
        ownerReferences: [owner],
      },
      spec: {
        containers: [
          {
            name: 'main',
            image: container?.image ?? 'image:1',
            ...(container?.resources === undefined ? {} : { resources: container.resources }),
          },
        ],
        ...(component?.spec?.volumes === undefined ? {} : { volumes: component.spec.volumes }),
        ...(onNode ? { nodeName: 'node-1' } : {}),
        ...extra,
      },
    });
  };
  const pods = [...owned.keys()];
  await Promise.all(pods.map(make));
  const pod = async (each: string, status: Record<string, unknown>): Promise<void> =>
    void (await plane.api('PATCH', `${podsPath}/${each}/status`, { status }));
  let events = 0;
  const player: Player = {
    pods,
    pod,
    podReady: async (each) =>
      await pod(each, {
        phase: 'Running',
        conditions: [...conditions('PodScheduled', 'True'), ...conditions('Ready', 'True')],
        containerStatuses: [
          containerStatus(
            { running: { startedAt: new Date().toISOString() } },
            { ready: true, started: true },
          ),
        ],
      }),
    graph: async (status, reason, message, state = status === 'True' ? 'successful' : 'pending') => {
      const generation = (await plane.api<GraphJson>('GET', graphPath))?.metadata.generation;
      await plane.api('PATCH', `${graphPath}/status`, {
        status: {
          state,
          observedGeneration: generation,
          conditions: conditions('Ready', status, { reason, message, observedGeneration: generation }),
        },
      });
    },
    event: async (about, reason, message, type = 'Warning') =>
      void (await plane.api('POST', `/api/v1/namespaces/${namespace}/events`, {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: `${about.name}.${++events}-${Math.random().toString(36).slice(2)}` },
        involvedObject: { ...about, namespace, apiVersion: 'v1' },
        reason,
        message,
        type,
        count: 1,
        firstTimestamp: new Date().toISOString(),
        lastTimestamp: new Date().toISOString(),
        source: { component: 'test' },
      })),
    allReady: async () => {
      await Promise.all(pods.map(async (each) => await player.podReady(each)));
      await player.graph('True', 'all_resources_are_ready', 'All resources are ready');
    },
    make,
  };
  return player;
}

/** `up agg`, detached, named `mine`, with a real one of the engine sim behind its port-forward. Its pods stay until `end`. */
export async function upDetached(plane: ControlPlane, world: World, more: readonly string[] = []) {
  const env = inCluster(world, plane);
  const namespace = await plane.namespace();
  const { url } = await upHere(world, 'agg', ['--name', 'behind']);
  forwards(world, { 'svc/mine-frontend': Number(new URL(url).port) });
  const place = ['--on', 'kubernetes', '--namespace', namespace, '--name', 'mine', '--detach'];
  const words = ['up', 'agg', ...place];
  const session = start(world, [...words, ...more], { env });
  const player = await play(plane, namespace, 'mine', { onNode: false });
  await player.allReady();
  const ended = await session.ended;
  expect(ended.code, ended.stderr).toBe(0);
  const end = async (): Promise<void> => {
    await succeed(world, ['down', 'mine'], { env });
    expect(await whatIsThere(plane, namespace)).toEqual([]);
    await succeed(world, ['down', 'behind']);
  };
  return { env, namespace, player, words, end };
}

function conditions(
  type: string,
  status: string,
  more: Record<string, unknown> = {},
): Record<string, unknown>[] {
  return [{ type, status, lastTransitionTime: new Date().toISOString(), ...more }];
}

export function containerStatus(
  state: Record<string, unknown>,
  {
    ready = false,
    started = false,
    restarts = 0,
    last = {},
    image = 'image:1',
  }: {
    readonly ready?: boolean;
    readonly started?: boolean;
    readonly restarts?: number;
    readonly last?: Record<string, unknown>;
    readonly image?: string;
  } = {},
): Record<string, unknown> {
  return { name: 'main', image, imageID: '', ready, started, restartCount: restarts, state, lastState: last };
}

/** Like a kubelet that ends pods which are to go. Returns what stops it. */
export function playKubelet(plane: ControlPlane, namespace: string): () => Promise<void> {
  const over = new AbortController();
  const loop = async (): Promise<void> => {
    while (!over.signal.aborted) {
      for (const { metadata } of await podsIn(plane, namespace)) {
        if (metadata.deletionTimestamp === undefined) continue;
        const path = `/api/v1/namespaces/${namespace}/pods/${metadata.name}?gracePeriodSeconds=0`;
        await plane.api('DELETE', path).catch(() => undefined);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const looping = loop().catch(() => {});
  return async () => {
    over.abort();
    await looping;
  };
}

interface Listed {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
}

export async function podsIn(plane: ControlPlane, namespace: string): Promise<readonly Listed[]> {
  const list = await plane.api<{ items: Listed[] }>('GET', `/api/v1/namespaces/${namespace}/pods`);
  return list?.items ?? [];
}

/** Names of graphs and pods that are there: what an oracle asks. */
export async function whatIsThere(plane: ControlPlane, namespace: string): Promise<string[]> {
  const path = `/apis/nvidia.com/${plane.stored}/namespaces/${namespace}/dynamographdeployments`;
  const graphs = await plane.api<{ items: Listed[] }>('GET', path);
  const all = [...(graphs?.items ?? []), ...(await podsIn(plane, namespace))];
  return all.map(({ metadata }) => metadata.name);
}

/** A pod of the profile agg. */
export const worker = 'agg-worker-0';

/** Its main container waits for that. */
export async function waits(
  player: Player,
  reason: string,
  message: string,
  more: Parameters<typeof containerStatus>[1] = {},
): Promise<void> {
  await player.pod(worker, {
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'True' }],
    containerStatuses: [containerStatus({ waiting: { reason, message } }, more)],
  });
}
