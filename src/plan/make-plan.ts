/** Makes the plan: a pure function of profile, host facts and options. The same input gives the same plan, byte for byte. */
import { DynamoError } from '../base/error.ts';
import { isSecret } from '../base/secrets.ts';
import { decidingVariables } from '../engine/dynamo-variables.ts';
import type { Deployment, Discovery, Engine, Launch, Ports } from '../engine/engine.ts';
import type { Profile, WorkerSpec } from '../profile/profile.ts';
import { chooseEngine } from './choose-engine.ts';
import { allowedGpus, limitText } from './allowed-gpus.ts';
import type { GpuOffer } from './gpu-group.ts';
import { type Placement, placeWorkers } from './gpus.ts';
import { chooseInfra } from './choose-infra.ts';
import { choosePlanes, type Planes } from './choose-planes.ts';
import { afterInfra, edgesOf, stopWaves, topologicalOrder } from './graph.ts';
import type { InfraPlan } from './infra.ts';
import { accessVariables } from './infra-variables.ts';
import { planInfra } from './infra-processes.ts';
import { localModel } from './local-model.ts';
import { namespaced } from './namespace.ts';
import { chooseHttpPort, portPool, type PortPool, portRange } from './ports.ts';
import {
  type ExpectedInstances,
  modelsFolder,
  planVersion,
  type ProcessSpec,
  type RestartRule,
  type ServingPlan,
} from './plan.ts';
import { pythonChoices } from './python-choice.ts';
import type { HostFacts, PlanOptions } from './request.ts';
import { daemonOf, inContainer, runtimeFor, runtimeHost } from './runtime.ts';
import { type Seat, seatsOf } from './seats.ts';

/** Upstream's default HTTP port. */
const defaultHttpPort = 8000;
/** For all logs of a run. */
const defaultLogLimitMiB = 1024;

/** So long a start may take however often it gets on: a download of 2 TB at 100 MB/s. */
const longestStartMs = 6 * 3_600_000;

/** The port that the frontend gets unless it is taken. */
export function wishedHttpPort(profile: Profile, options: PlanOptions): number {
  const frontend = Object.values(profile.components).find((spec) => spec.kind === 'frontend');
  return options.httpPort ?? frontend?.httpPort ?? defaultHttpPort;
}

/** Throws DynamoError (`usage`, `profile-invalid`, `busy`, `environment`, `unavailable`) when there is no valid plan. */
export function makePlan(given: Profile, options: PlanOptions, host: HostFacts): ServingPlan {
  const runtime = runtimeFor(options, given.device, host);
  const inside = runtimeHost(runtime, host);
  const { engine, choices: engineChoices } = chooseEngine(options.engine, given, inside);
  const planes = choosePlanes(given, options, host.environment);
  const { uses, choices: infraChoices } = chooseInfra(planes.needs, options, host);
  const { profile, choices: namespaceChoices } = namespaced(given, uses, host.runId);
  const seats = seatsOf(profile, options.replicas);
  const workers = seats.filter((seat) => seat.kind === 'worker');
  const http = planHttp(profile, options, host);
  const placement =
    engine.needsGpus && profile.device === 'gpu' ? placeWorkers(workers, gpuOffer(options, host)) : undefined;
  const pool = portPool(host.runId, (port) => host.busyPorts.has(port), portRange(host.environment), [
    http.port,
  ]);
  const { infra, processes: infraSpecs } = planInfra(uses, options, host, pool);
  if (options.persist !== undefined && infra.persist === undefined) throw nothingToKeep(options.persist);
  const model = localModel(profile.model, host);
  const servedModelName = profile.servedModelName ?? model;
  const { path: modelPath, linkTo } = engine.modelPlace(model, servedModelName);
  const deployment: Deployment = {
    profile,
    modelPath,
    servedModelName,
    discovery: discoveryOf(planes, infra, host),
    events: planes.events,
    ...(infra.nats === undefined ? {} : { nats: infra.nats.addresses.join(',') }),
    http,
    mediaFolder: `${host.runFolder}/media`,
    temporaryFolder: temporaryFolder(engine, host),
  };
  const access = accessVariables(infra, host.environment);
  const secrets = [
    ...Object.keys(secretsOf(profile, options)),
    ...access.filter((name) => isSecret(name)),
  ].toSorted();
  const edges = afterInfra(infraSpecs, edgesOf(seats));
  const cwd = linkTo === undefined ? host.runFolder : modelsFolder(host);
  const seating: Seating = {
    engine,
    deployment,
    options,
    host,
    pool,
    placement,
    edges,
    cwd,
    passes: [...secrets, ...access],
    modelTarget: linkTo,
  };
  const specs = new Map([
    ...infraSpecs.map((spec): [string, ProcessSpec] => [spec.name, spec]),
    ...seats.map((seat): [string, ProcessSpec] => {
      const spec = processSpec(seat, seating);
      return [seat.name, runtime === undefined ? spec : inContainer(spec, runtime.image, seating)];
    }),
  ]);
  return {
    version: planVersion,
    runId: host.runId,
    name: options.name ?? profile.name,
    profile: { name: profile.name, file: profile.file, description: profile.description },
    engine: engine.name,
    model: { path: model, servedName: servedModelName },
    http: { host: http.host, port: http.port, url: http.url },
    namespace: profile.namespace,
    discovery: deployment.discovery,
    events: planes.events,
    ...(deployment.nats === undefined ? {} : { nats: deployment.nats }),
    ...(Object.keys(uses).length === 0 ? {} : { infra }),
    ...daemonOf([...specs.values()], host),
    runFolder: host.runFolder,
    mediaFolder: deployment.mediaFolder,
    ...(deployment.temporaryFolder === undefined ? {} : { temporaryFolder: deployment.temporaryFolder }),
    ...(linkTo === undefined ? {} : { modelLink: { path: `${cwd}/${modelPath}`, target: linkTo } }),
    choices: [
      ...engineChoices,
      ...pythonChoices(engine.name, inside.python),
      ...engine.remarks(profile),
      ...planes.choices,
      ...infraChoices,
      ...namespaceChoices,
      ...http.choices,
      ...(placement?.choices ?? []),
    ],
    gpuUuids: placement?.uuids ?? [],
    processes: topologicalOrder(edges).flatMap((name) => specs.get(name) ?? []),
    stopOrder: stopWaves([...specs.values()], edges),
    expected: expectedInstances(specs.values()),
    proof: profile.proof,
    ...(routesByCache(seats) && profile.proof.request === 'chat' ? { provesReuse: true } : {}),
    scrubbed: decidingVariables(host.environment).filter(
      (name) => !(name in options.env) && !access.includes(name),
    ),
    secrets,
    liveness: { periodMs: 5_000, timeoutMs: 5_000, failureThreshold: 3 },
    // Each process has two parts of a log: the one that is written and the one before.
    maxLogBytes: Math.floor(((options.logLimitMiB ?? defaultLogLimitMiB) * 1024 * 1024) / (2 * specs.size)),
    readyTimeoutMs:
      options.timeoutMs ?? Math.max(...seats.map(({ spec }) => spec.startupTimeoutSeconds)) * 1000,
    // Who says a time means it; a profile cannot know how long a download takes.
    startupCapMs: options.timeoutMs ?? longestStartMs,
    ...(options.stopTimeoutMs === undefined ? {} : { stopTimeoutMs: options.stopTimeoutMs }),
  };
}

function nothingToKeep(name: string): DynamoError {
  return new DynamoError('usage', `--persist ${name}: this run starts no etcd and no NATS of its own.`, {
    hint: 'add --infra process, or leave --persist out',
  });
}

function discoveryOf(planes: Planes, infra: InfraPlan, host: HostFacts): Discovery {
  if (planes.discovery === 'etcd') return { backend: 'etcd', endpoints: infra.etcd?.addresses ?? [] };
  // A folder of its own for each run: the default one is shared by all runs of a user, dead ones too.
  return { backend: 'file', folder: `${host.runFolder}/discovery` };
}

interface Seating {
  readonly engine: Engine;
  readonly deployment: Deployment;
  readonly options: PlanOptions;
  readonly host: HostFacts;
  readonly pool: PortPool;
  readonly placement: Placement | undefined;
  readonly edges: ReturnType<typeof edgesOf>;
  /** Working directory of all processes. */
  readonly cwd: string;
  /** Names of variables that processes need and no plan holds. */
  readonly passes: readonly string[];
  /** Folder that a link stands for as the model. */
  readonly modelTarget: string | undefined;
}

function processSpec(seat: Seat, seating: Seating): ProcessSpec {
  const { engine, deployment, options, host } = seating;
  const ports: Ports =
    seat.kind === 'worker'
      ? Object.fromEntries(engine.portsOf(seat.spec).map((port) => [port, seating.pool.take()]))
      : {};
  const gpus = seating.placement?.devices.get(seat.name) ?? [];
  const launch: Launch =
    seat.kind === 'frontend'
      ? engine.frontend(seat.spec, deployment)
      : engine.worker(
          { name: seat.name, spec: seat.spec, ports, gpus, rawArgs: options.rawArgs },
          deployment,
        );
  const grace =
    seat.spec.stopTimeoutSeconds === undefined
      ? engine.stopGraceMs(seat.kind === 'frontend' ? seat.kind : seat.spec.mode)
      : seat.spec.stopTimeoutSeconds * 1000;
  const registersAs =
    seat.kind === 'worker' ? registration(seat.spec, engine, deployment.profile) : undefined;
  return {
    name: seat.name,
    kind: seat.kind,
    component: seat.component,
    ...(seat.kind === 'worker' ? { mode: seat.spec.mode } : {}),
    argv: launch.argv,
    env: {
      ...withoutSecrets({ ...deployment.profile.env, ...seat.spec.env }),
      ...launch.env,
      ...(seat.kind === 'worker' && seating.placement !== undefined ? visibleDevices(gpus) : {}),
      ...noProxy(host.environment),
      ...withoutSecrets(options.env),
      DYNAMO_RUN_ID: host.runId,
      DYNAMO_PROCESS: seat.name,
    },
    ...(launch.vitalChildren === undefined ? {} : { vitalChildren: launch.vitalChildren }),
    cwd: seating.cwd,
    ports: seat.kind === 'frontend' ? { http: deployment.http.port } : ports,
    gpus,
    dependsOn: seating.edges.get(seat.name) ?? [],
    probe:
      registersAs === undefined
        ? { kind: 'http', url: `${planUrl(deployment.http)}/live` }
        : {
            kind: 'endpoint',
            url: `http://127.0.0.1:${ports.system}/health`,
            endpoint: registersAs.endpoint,
          },
    ...(registersAs === undefined ? {} : { registersAs }),
    startupTimeoutMs: Math.max(seat.spec.startupTimeoutSeconds * 1000, options.timeoutMs ?? 0),
    stopGraceMs: options.stopTimeoutMs === undefined ? grace : Math.min(grace, options.stopTimeoutMs),
    restart: restartRule(seat.spec.restart ?? (options.detached ? 'on-failure' : 'no')),
    logFile: `${host.runFolder}/logs/${seat.name}.log`,
  };
}

/** The kernel takes 107 bytes for the path of a socket, and upstream makes some in there. */
const longestTemporaryFolder = 72;

function temporaryFolder(engine: Engine, { runFolder }: HostFacts): string | undefined {
  const folder = `${runFolder}/tmp`;
  return engine.name === 'sim' || folder.length > longestTemporaryFolder ? undefined : folder;
}

/** With one worker there is nothing to choose; without a prefix cache there is nothing to come back to. */
function routesByCache(seats: readonly Seat[]): boolean {
  const workers = seats.flatMap((seat) => (seat.kind === 'worker' ? [seat.spec] : []));
  return (
    seats.some((seat) => seat.kind === 'frontend' && seat.spec.router.mode === 'kv') &&
    workers.length > 1 &&
    workers.every(({ radixCache }) => radixCache)
  );
}

function planHttp(profile: Profile, options: PlanOptions, host: HostFacts) {
  const { port, choices } = chooseHttpPort({
    asked: options.httpPort,
    wished: wishedHttpPort(profile, options),
    busy: host.busyPorts,
  });
  const http = { host: options.httpHost ?? '127.0.0.1', port };
  return { ...http, url: planUrl(http), choices };
}

/** An address that this host can always call, also when the frontend listens on all of them. */
function planUrl({ host, port }: { host: string; port: number }): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function gpuOffer({ gpus: asked }: PlanOptions, host: HostFacts): GpuOffer {
  const visible = host.environment.CUDA_VISIBLE_DEVICES;
  return {
    gpus: allowedGpus(host.gpus, asked, visible),
    weightsMiB: host.weightsMiB,
    limit: limitText(asked, visible),
  };
}

/** Set also for one without a GPU, which else would see all. CUDA counts the fastest first unless it is told otherwise. */
function visibleDevices(gpus: readonly string[]): Record<string, string> {
  return { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: gpus.join(',') };
}

function registration(spec: WorkerSpec, engine: Engine, profile: Profile) {
  const [namespace = profile.namespace, component = engine.componentOf(spec.mode), endpoint = 'generate'] =
    spec.endpoint?.split('.') ?? [];
  return { namespace, component, endpoint };
}

function expectedInstances(specs: Iterable<ProcessSpec>): ExpectedInstances[] {
  const expected = new Map<string, ExpectedInstances>();
  for (const { registersAs } of specs) {
    if (registersAs === undefined) continue;
    const key = Object.values(registersAs).join('.');
    expected.set(key, { ...registersAs, count: (expected.get(key)?.count ?? 0) + 1 });
  }
  return [...expected.values()];
}

function restartRule(policy: RestartRule['policy']): RestartRule {
  return { policy, maxRestarts: 5, windowMs: 600_000, firstDelayMs: 1_000, maxDelayMs: 30_000 };
}

/** Proxies must never stand between processes of one host. */
function noProxy(environment: HostFacts['environment']): Record<string, string> {
  const inherited = environment.no_proxy ?? environment.NO_PROXY;
  const value = [...(inherited ? [inherited] : []), 'localhost', '127.0.0.1', '0.0.0.0', '::1'].join(',');
  const proxied = Object.keys(environment).some((name) => /^(https?|all)_proxy$/i.test(name));
  return proxied ? { no_proxy: value, NO_PROXY: value } : {};
}

/**
 * Secret variables that a profile or an option sets, with their values: for the environment of the supervisor, from
 * which every process inherits them. They stand in no plan.
 */
export function secretsOf(profile: Profile, { env }: Pick<PlanOptions, 'env'>): Record<string, string> {
  const components = Object.values(profile.components).map((spec) => spec.env);
  const all = Object.assign({}, profile.env, ...components, env) as Record<string, string>;
  return Object.fromEntries(Object.entries(all).filter(([name, value]) => isSecret(name, value)));
}

function withoutSecrets(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name, value]) => !isSecret(name, value)));
}
