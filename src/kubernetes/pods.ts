/** What the pods of each component run: the engine's command, and what else a pod needs. */
import type { Engine, Launch, PodDeployment, Ports } from '../engine/engine.ts';
import type { FrontendSpec, WorkerMode, WorkerSpec } from '../profile/profile.ts';
import {
  type KubernetesRequest,
  mediaFolder,
  type PodComponent,
  type PodGraph,
  workerPorts,
} from './target.ts';

/** Source: docs/upstream/kubernetes.md#what-the-operator-adds. */
const operatorGraceSeconds = 60;

/** Modes to which upstream's manifests give 16Gi. Source: docs/upstream/kubernetes.md#upstreams-manifests. */
const largeSharedMemory: readonly WorkerMode[] = ['image', 'video', 'diffusion-lm'];

/** Throws `usage` for raw arguments that the plan decides, `environment` for features that this version of upstream lacks. */
export function podsOf(
  deployment: PodDeployment,
  engine: Engine,
  request: Pick<KubernetesRequest, 'replicas' | 'env' | 'rawArgs' | 'modelCache'>,
): PodComponent[] {
  return Object.entries(deployment.profile.components).map(([component, spec]) =>
    spec.kind === 'frontend'
      ? frontendPod(component, spec, { deployment, engine, request })
      : workerPod(component, spec, { deployment, engine, request }),
  );
}

interface Parts {
  readonly deployment: PodDeployment;
  readonly engine: Engine;
  readonly request: Pick<KubernetesRequest, 'replicas' | 'env' | 'rawArgs' | 'modelCache'>;
}

function frontendPod(component: string, spec: FrontendSpec, parts: Parts): PodComponent {
  return {
    name: 'frontend',
    component,
    type: 'frontend',
    replicas: 1,
    nodes: 1,
    gpusPerPod: 0,
    ...launched(parts.engine.frontend(spec, parts.deployment), spec, parts),
    shareProcessNamespace: false,
    ...grace(spec, parts.engine.stopGraceMs('frontend')),
    emptyFolders: [],
  };
}

function workerPod(component: string, spec: WorkerSpec, parts: Parts): PodComponent {
  const { deployment, engine, request } = parts;
  const { mode, nodes, gpus } = spec;
  const replica = {
    name: component,
    // The operator decides the names under which workers register.
    spec: { ...spec, endpoint: undefined },
    ports: portsOf(spec, engine),
    gpus: [],
    rawArgs: request.rawArgs,
  };
  return {
    name: component,
    component,
    type: mode === 'prefill' || mode === 'decode' ? mode : 'worker',
    mode,
    replicas: request.replicas[component] ?? spec.replicas,
    nodes,
    gpusPerPod: gpus / nodes,
    ...launched(engine.worker(replica, deployment), spec, parts),
    ...(largeSharedMemory.includes(mode) ? { sharedMemory: '16Gi' } : {}),
    shareProcessNamespace: isMedia(mode),
    ...grace(spec, engine.stopGraceMs(mode)),
    emptyFolders: mediaFolders(spec, request),
    registersAs: { component: engine.componentOf(mode), endpoint: 'generate' },
  };
}

export function isMedia(mode: WorkerMode | undefined): boolean {
  return mode === 'image' || mode === 'video';
}

/** The operator decides all other ports, or they cannot conflict within a pod. */
function portsOf(spec: WorkerSpec, engine: Engine): Ports {
  const wanted = engine.portsOf(spec);
  return Object.fromEntries(
    Object.entries(workerPorts).filter(([name]) => wanted.some((port) => port === name)),
  );
}

/** As in upstream's manifest. Source: docs/upstream/kubernetes.md#upstreams-manifests. */
const multinodeVariables = { GLOO_SOCKET_IFNAME: 'eth0' };

/** The user's variables win, as on this machine. */
function launched(
  { command, args, env }: Launch,
  spec: FrontendSpec | WorkerSpec,
  { deployment, request }: Parts,
): Pick<PodComponent, 'command' | 'args' | 'env'> {
  const { modelCache } = request;
  const merged = {
    ...(modelCache === undefined ? {} : { HF_HOME: modelCache.path }),
    ...(spec.kind === 'worker' && spec.nodes > 1 ? multinodeVariables : {}),
    ...deployment.profile.env,
    ...spec.env,
    ...env,
    ...request.env,
  };
  return {
    command,
    args: args.map(literal),
    env: Object.fromEntries(Object.entries(merged).map(([name, value]) => [name, literal(value)])),
  };
}

/** Kubernetes puts the value of a variable in the place of `$(NAME)`, and `$(NAME)` in the place of `$$(NAME)`. */
function literal(text: string): string {
  return text.replaceAll('$(', '$$$$(');
}

function grace(
  { stopTimeoutSeconds }: FrontendSpec | WorkerSpec,
  neededMs: number,
): Pick<PodComponent, 'graceSeconds'> {
  const needed = Math.ceil(neededMs / 1000);
  if (stopTimeoutSeconds !== undefined) return { graceSeconds: Math.ceil(stopTimeoutSeconds) };
  return needed > operatorGraceSeconds ? { graceSeconds: needed } : {};
}

/** The folder for results, if it is a folder: the user of the image must be able to write there. */
function mediaFolders(
  { mode, media }: WorkerSpec,
  { modelCache }: Pick<KubernetesRequest, 'modelCache'>,
): PodComponent['emptyFolders'] {
  if (!isMedia(mode)) return [];
  const url = media?.fsUrl ?? `file://${mediaFolder}`;
  const path = /^file:\/\/(\/.+)$/.exec(url)?.[1];
  if (path === undefined || (modelCache !== undefined && path.startsWith(`${modelCache.path}/`))) return [];
  return [{ name: 'media', path, size: '20Gi' }];
}

/** Moves variables that all components share to the graph. */
export function sharedVariables(pods: readonly PodComponent[]): Pick<PodGraph, 'env' | 'components'> {
  const [first] = pods;
  const shared = Object.entries(first?.env ?? {}).filter(([name, value]) =>
    pods.every(({ env }) => env[name] === value),
  );
  const names = new Set(shared.map(([name]) => name));
  return {
    env: Object.fromEntries(shared),
    components: pods.map((pod) => ({
      ...pod,
      env: Object.fromEntries(Object.entries(pod.env).filter(([name]) => !names.has(name))),
    })),
  };
}
