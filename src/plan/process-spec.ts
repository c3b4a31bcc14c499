/** One process of an engine, fully resolved: argv, environment, ports, GPUs, probe, stop budget. */
import type { Engine, Launch, LocalDeployment, PortName, Ports } from '../engine/engine.ts';
import type { Profile, WorkerMode, WorkerSpec } from '../profile/profile.ts';
import { exportsTraces } from '../engine/upstream.ts';
import { spansHosts } from '../engine/targets.ts';
import type { Placement } from './gpus.ts';
import { type KernelPlace, kernelFolderOf } from './kernel-cache.ts';
import type { edgesOf, Replica } from './replicas.ts';
import { hostUrl, planUrl, type PortPool } from './ports.ts';
import { type LivenessRule, type Probe, type ProcessSpec, requestsFile, type RestartRule } from './plan.ts';
import type { HostFacts, PlanOptions } from './request.ts';

/** What all processes of a plan share. */
export interface ProcessContext {
  readonly engine: Engine;
  readonly deployment: LocalDeployment;
  readonly options: PlanOptions;
  readonly host: HostFacts;
  readonly pool: PortPool;
  readonly placement: Placement | undefined;
  readonly edges: ReturnType<typeof edgesOf>;
  /** No frontend but those of this plan can find its workers. */
  readonly isPrivate: boolean;
  /** Working directory of all processes. */
  readonly cwd: string;
  /** Names of inherited variables that an external etcd or NATS may need. */
  readonly passes: readonly string[];
  /** The folder that the model's link points to. */
  readonly modelTarget: string | undefined;
  readonly kernels: KernelPlace;
}

export function processSpec(replica: Replica, context: ProcessContext): ProcessSpec {
  const { engine, deployment, options, host } = context;
  const take = (names: readonly PortName[]): Ports =>
    Object.fromEntries(names.map((port) => [port, context.pool.take()]));
  // Between hosts, ports that the kernel chooses could not be opened by name. sim answers where it is asked.
  const spans = spansHosts(deployment);
  const ports: Ports =
    replica.kind === 'worker'
      ? {
          ...take([...engine.portsOf(replica.spec), ...(spans ? (['rpc'] as const) : [])]),
          ...(replica.rank?.rank === 0 ? { ranks: replica.rank.meet.port } : {}),
        }
      : take(spans && engine.kind.python !== undefined ? ['stream'] : []);
  const rank = replica.kind === 'worker' ? replica.rank : undefined;
  const gpus = context.placement?.devices.get(replica.name) ?? [];
  const launch: Launch =
    replica.kind === 'frontend'
      ? engine.frontend(replica.spec, deployment)
      : engine.worker(
          {
            name: replica.name,
            spec: replica.spec,
            ports,
            gpus,
            rawArgs: options.rawArgs,
            rank: replica.rank,
          },
          deployment,
        );
  // The other ranks of a worker register nothing, and answer no requests.
  const registersAs =
    replica.kind === 'worker' && (rank === undefined || rank.rank === 0)
      ? registration(replica.spec, engine, deployment.profile)
      : undefined;
  const given = { ...deployment.profile.env, ...replica.spec.env, ...options.env };
  const kernels = replica.kind === 'worker' ? kernelFolderOf(context.kernels, gpus, given) : undefined;
  return {
    name: replica.name,
    kind: replica.kind,
    component: replica.component,
    ...(replica.kind === 'worker' ? { mode: replica.spec.mode } : {}),
    ...(rank === undefined ? {} : { rank }),
    argv: [...launch.command, ...launch.args],
    env: {
      ...kernels?.env,
      ...deployment.profile.env,
      ...replica.spec.env,
      ...launch.env,
      ...(ports.rpc === undefined ? {} : { DYN_TCP_RPC_PORT: String(ports.rpc) }),
      ...(ports.stream === undefined ? {} : { DYN_TCP_RESPONSE_STREAM_PORT: String(ports.stream) }),
      ...(replica.kind === 'worker' && context.placement !== undefined ? visibleDevices(gpus) : {}),
      ...noProxy(host.environment),
      ...(replica.kind === 'frontend' && (options.recordsRequests === true || options.observe === true)
        ? requestRecord(host)
        : {}),
      ...options.env,
      DYNAMO_RUN_ID: host.runId,
      DYNAMO_PROCESS: replica.name,
    },
    ...(launch.vitalChildren === undefined ? {} : { vitalChildren: launch.vitalChildren }),
    ...(launch.loadsInTurn === undefined ? {} : { loadsInTurn: launch.loadsInTurn }),
    ...(kernels?.folder === undefined ? {} : { kernelFolder: kernels.folder }),
    cwd: context.cwd,
    ports: replica.kind === 'frontend' ? { http: deployment.http.port, ...ports } : ports,
    gpus,
    dependsOn: context.edges.get(replica.name) ?? [],
    probe: probeOf(replica, registersAs?.endpoint, ports, context),
    ...(registersAs === undefined ? {} : { registersAs }),
    startupTimeoutMs: Math.max(replica.spec.startupTimeoutSeconds * 1000, options.timeoutMs ?? 0),
    ...stopGraces(replica, launch, context),
    restart: restartRule(replica.spec, options),
    ...(replica.spec.liveness === undefined ? {} : { liveness: livenessRule(replica.spec.liveness) }),
    ...standstillRule(replica, registersAs !== undefined),
    logFile: `${host.runFolder}/logs/${replica.name}.log`,
  };
}

/**
 * A rank above 0 lists no endpoint, and its status is good from the first moment: that it has loaded, which it cannot
 * before all ranks have met, shows in its metrics alone. Source: docs/upstream/launch-scripts.md#several-hosts.
 */
function probeOf(
  { kind }: Replica,
  endpoint: string | undefined,
  ports: Ports,
  { engine, deployment }: ProcessContext,
): Probe {
  if (kind === 'frontend') return { kind: 'http', url: `${planUrl(deployment.http)}/live` };
  const status = hostUrl(deployment.network.address, ports.system);
  return endpoint === undefined
    ? { kind: 'metric', url: `${status}/metrics`, metric: engine.kind.ranks?.loaded ?? '' }
    : { kind: 'endpoint', url: `${status}/health`, endpoint };
}

/**
 * A loading worker handles SIGTERM only after it has loaded, minutes later with real weights, and it has no requests in
 * flight.
 * Source: docs/upstream/processes.md#signals-while-a-worker-loads.
 */
const loadingGraceMs = 5_000;

/** For a worker that can no longer serve: time to leave discovery, which real workers do first on SIGTERM. */
const degradedGraceMs = 2_000;

/**
 * Without a client of the only frontends that know it, nobody waits for a worker of SGLang. Its own end takes 5 s and the time of
 * the GPU to give its memory back, and a prefill worker whose decode worker died waits a minute for requests that never end. It
 * ends its children by SIGKILL itself.
 * Source: docs/upstream/processes.md#stopping-an-sglang-worker.
 */
const unusedGraceMs = 1_000;

/** `stopTimeoutSeconds` of a component also applies while it loads: an explicit value overrides our defaults. */
function stopGraces(
  replica: Replica,
  { vitalChildren, env }: Launch,
  { engine, deployment, options, isPrivate }: ProcessContext,
): Pick<ProcessSpec, 'stopGraceMs' | 'loadingStopGraceMs' | 'degradedStopGraceMs' | 'unusedStopGraceMs'> {
  const { stopTimeoutSeconds } = replica.spec;
  const { stopTimeoutMs = Infinity } = options;
  // They are sent when it ends.
  const hasTraces = exportsTraces({ ...deployment.profile.env, ...replica.spec.env, ...env, ...options.env });
  const asked = stopTimeoutSeconds === undefined ? undefined : stopTimeoutSeconds * 1000;
  const grace = asked ?? engine.stopGraceMs(replica.kind === 'frontend' ? replica.kind : replica.spec.mode);
  const atMost = (ms: number): number => Math.min(ms, grace, stopTimeoutMs);
  return {
    stopGraceMs: atMost(grace),
    ...(asked === undefined ? { loadingStopGraceMs: atMost(loadingGraceMs) } : {}),
    ...(vitalChildren === undefined ? {} : { degradedStopGraceMs: atMost(degradedGraceMs) }),
    ...(vitalChildren !== undefined && asked === undefined && isPrivate && !hasTraces
      ? { unusedStopGraceMs: atMost(unusedGraceMs) }
      : {}),
  };
}

/** Also set for a worker without GPUs, which would otherwise see all of them. By default, CUDA orders by speed. */
function visibleDevices(gpus: readonly string[]): Record<string, string> {
  return { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: gpus.join(',') };
}

export function registration(spec: WorkerSpec, engine: Engine, profile: Profile) {
  const [namespace = profile.namespace, component = engine.componentOf(spec.mode), endpoint = 'generate'] =
    spec.endpoint?.split('.') ?? [];
  return { namespace, component, endpoint };
}

function restartRule(spec: Replica['spec'], { detached }: PlanOptions): RestartRule {
  const {
    restart: policy = detached ? 'on-failure' : 'no',
    maxRestarts = 5,
    restartWindowSeconds = 600,
    maxBackoffSeconds = Math.max(30, spec.backoffSeconds ?? 0),
  } = spec;
  const { backoffSeconds = 1 } = spec;
  return {
    policy,
    ...(policy === 'always' ? {} : { maxRestarts }),
    windowMs: restartWindowSeconds * 1000,
    firstDelayMs: Math.min(backoffSeconds, maxBackoffSeconds) * 1000,
    ...(spec.backoffSeconds === undefined ? { firstAtOnce: true } : {}),
    maxDelayMs: maxBackoffSeconds * 1000,
  };
}

/** Without an argument: the rule of the plan, for processes that have none of their own. */
export function livenessRule({
  periodSeconds = 5,
  timeoutSeconds = 5,
  failureThreshold = 3,
}: NonNullable<Replica['spec']['liveness']> = {}): LivenessRule {
  return { periodMs: periodSeconds * 1000, timeoutMs: timeoutSeconds * 1000, failureThreshold };
}

/** Kernels that compile for a new shape take up to 13 s. Source: docs/upstream/memory-and-gpus.md#first-requests. */
const standstillSeconds = 20;
/** These show nothing between a request and its answer, minutes later, so that work looks like a standstill. */
const silentModes: readonly WorkerMode[] = ['image', 'video'];

/** `registers`: it gets requests itself, unlike the other ranks of a worker. */
function standstillRule(replica: Replica, registers: boolean): Pick<ProcessSpec, 'standstillMs'> {
  if (replica.kind !== 'worker' || !registers || silentModes.includes(replica.spec.mode)) return {};
  const seconds = replica.spec.liveness?.standstillSeconds ?? standstillSeconds;
  return seconds === 0 ? {} : { standstillMs: seconds * 1000 };
}

/** Dynamo 1.4 and later, and sim; older versions ignore it. Source: docs/upstream/metrics-and-logs.md#request-trace. */
function requestRecord(host: HostFacts): Record<string, string> {
  return {
    DYN_REQUEST_TRACE: '1',
    DYN_REQUEST_TRACE_RECORDS: 'request_end',
    DYN_REQUEST_TRACE_FILE_FORMAT: 'jsonl',
    DYN_REQUEST_TRACE_FILE_PATH: requestsFile(host),
  };
}

/** Connections between processes of one host must not go through a proxy. */
function noProxy(environment: HostFacts['environment']): Record<string, string> {
  const inherited = environment.no_proxy ?? environment.NO_PROXY;
  const value = [...(inherited ? [inherited] : []), 'localhost', '127.0.0.1', '0.0.0.0', '::1'].join(',');
  const proxied = Object.keys(environment).some((name) => /^(https?|all)_proxy$/i.test(name));
  return proxied ? { no_proxy: value, NO_PROXY: value } : {};
}
