/** Makes the plan: a pure function of profile, host facts and options. The same input gives the same plan, byte for byte. */
import { DynamoError } from '../base/error.ts';
import { conceal, isSecret } from '../base/secrets.ts';
import { decidingVariables } from '../engine/dynamo-variables.ts';
import {
  type Discovery,
  type Engine,
  type EngineKind,
  type LocalDeployment,
  loopback,
} from '../engine/engine.ts';
import type { Profile } from '../profile/profile.ts';
import { chooseEngine, pythonChoices } from './choose-engine.ts';
import { allowedGpus, limitText } from './gpu-demand.ts';
import { type Placement, placeWorkers } from './gpus.ts';
import { chooseInfra, namespaced } from './choose-infra.ts';
import { choosePlanes, type Planes, requireRequestPlane } from './choose-planes.ts';
import { planHttp, portPool, portRange } from './ports.ts';
import {
  afterInfra,
  edgesOf,
  type Replica,
  replicasOf,
  requireFew,
  requireOneHost,
  routesByCache,
  stopWaves,
  topologicalOrder,
} from './replicas.ts';
import { type InfraPlan, isOwn } from './infra.ts';
import { accessVariables, requireAccess } from './infra-access.ts';
import { planInfra } from './infra-plan.ts';
import { chooseModel } from './local-model.ts';
import { hiddenVariables, hideSecrets, knownSecrets, type Secrets } from './plan-secrets.ts';
import { livenessRule, processSpec, registration, type ProcessContext } from './process-spec.ts';
import {
  type ExpectedInstances,
  type HostShare,
  modelsFolder,
  planVersion,
  type ProcessSpec,
  requireServing,
  type ServingPlan,
  type WorkersPlan,
} from './plan.ts';
import type { HostFacts, PlanOptions } from './request.ts';
import { daemonOf, inContainer, runtimeFor, runtimeHost } from './runtime.ts';
import { nameChoices, runNameOf } from './run-name.ts';
import { type ShareRules, spansHosts } from './shares.ts';
import { requireSpawnable } from './spawn-limits.ts';

/** For all logs of a run. */
const defaultLogLimitMiB = 1024;

/** Upper limit for a start that keeps making progress: a download of 2 TB at 100 MB/s. */
const longestStartMs = 6 * 3_600_000;

/** A plan, and the secrets that it shows as `***`. */
export interface PlanWithSecrets {
  readonly plan: ServingPlan | WorkersPlan;
  readonly secrets: Secrets;
}

/** The plan of a deployment on one host without its secrets, for callers that start nothing. Throws as `planWithSecrets` does. */
export function makePlan(given: Profile, options: PlanOptions, host: HostFacts): ServingPlan {
  return requireServing(planWithSecrets(given, options, host).plan);
}

/**
 * `shares`: from `shareRules`, for a deployment on several hosts. Throws DynamoError (`usage`, `profile-invalid`, `busy`,
 * `environment`, `unavailable`) when there is no valid plan.
 */
export function planWithSecrets(
  given: Profile,
  options: PlanOptions,
  host: HostFacts,
  shares?: ShareRules,
): PlanWithSecrets {
  const decided = decide(given, options, host, shares);
  const { deployment, specs, edges, access, cwd } = resolve(decided, options, host);
  const inOrder = topologicalOrder(edges).flatMap((name) => specs.get(name) ?? []);
  const { processes, secrets } = hideSecrets(inOrder, knownSecrets(given, options, host));
  const plan = planOf(decided, { deployment, specs, edges, access, cwd, processes }, options, host);
  requireSpawnable(inOrder, options, host, { scrubbed: plan.scrubbed, secrets });
  return { plan, secrets };
}

type Resolved = ReturnType<typeof resolve> & { readonly processes: readonly ProcessSpec[] };

function planOf(
  decided: Decided,
  resolved: Resolved,
  options: PlanOptions,
  host: HostFacts,
): ServingPlan | WorkersPlan {
  const { engine, planes, uses, profile, replicas, http, placement, infra, model, share } = decided;
  const { deployment, specs, edges, access, cwd, processes } = resolved;
  const { path: modelPath, linkTo } = model.place;
  const runName = runNameOf(options.name, profile);
  const joins =
    infra.etcd === undefined || !isOwn(infra.etcd)
      ? []
      : (decided.shares?.joinChoices({ name: runName, profile, share, infra }, options.hosts?.rank) ?? []);
  const common = {
    version: planVersion,
    runId: host.runId,
    name: runName,
    profile: { name: profile.name, file: profile.file, description: profile.description },
    engine: engine.kind.name,
    model: { path: model.path, servedName: model.servedName },
    namespace: profile.namespace,
    discovery: deployment.discovery,
    events: planes.events,
    ...(deployment.nats === undefined ? {} : { nats: deployment.nats }),
    ...(Object.keys(uses).length === 0 ? {} : { infra }),
    ...daemonOf([...specs.values()], host),
    runFolder: host.runFolder,
    mediaFolder: deployment.mediaFolder,
    ...(deployment.kvCacheFolder === undefined ? {} : { kvCacheFolder: deployment.kvCacheFolder }),
    ...(deployment.temporaryFolder === undefined ? {} : { temporaryFolder: deployment.temporaryFolder }),
    ...(linkTo === undefined ? {} : { modelLink: { path: `${cwd}/${modelPath}`, target: linkTo } }),
    choices: [...decided.choices, ...joins].map((choice) => ({
      ...choice,
      because: conceal(choice.because),
    })),
    gpuUuids: placement?.uuids ?? [],
    ...(options.gpus === undefined ? {} : { allowedGpus: options.gpus }),
    processes,
    stopOrder: stopWaves([...specs.values()], edges),
    scrubbed: decidingVariables(host.environment).filter(
      (name) => !(name in options.env) && !access.includes(name),
    ),
    secrets: [...hiddenVariables(processes), ...access.filter((name) => isSecret(name))].toSorted(),
    liveness: livenessRule(),
    // Each process keeps two parts of its log: the current one and the one before.
    maxLogBytes: Math.floor(((options.logLimitMiB ?? defaultLogLimitMiB) * 1024 * 1024) / (2 * specs.size)),
    readyTimeoutMs:
      options.timeoutMs ?? Math.max(...replicas.map(({ spec }) => spec.startupTimeoutSeconds)) * 1000,
    // An explicit --timeout is a hard limit; the time in a profile cannot include a download.
    startupCapMs: options.timeoutMs ?? longestStartMs,
    ...(options.stopTimeoutMs === undefined ? {} : { stopTimeoutMs: options.stopTimeoutMs }),
  } as const;
  if (share !== undefined && !replicas.some(({ kind }) => kind === 'frontend')) {
    return { ...common, share, expected: [] };
  }
  return {
    ...common,
    ...(share === undefined ? {} : { share }),
    http: { host: http.host, port: http.port, url: http.url },
    expected: expectedInstances(decided.allReplicas, engine, profile),
    proof: profile.proof,
    ...(routesByCache(decided.allReplicas) && profile.proof.request === 'chat' ? { provesReuse: true } : {}),
  };
}

/** All choices that are made before the processes are resolved, in order of dependency. */
function decide(given: Profile, options: PlanOptions, host: HostFacts, shares: ShareRules | undefined) {
  if (spansHosts(options) && shares === undefined) throw new Error('no rules for several hosts');
  const placed = shares?.placeOn(options, given, host);
  const { network = loopback, choices: hostChoices = [] } = placed ?? {};
  const runtime = runtimeFor(options, given.device, host);
  const inside = runtimeHost(runtime, host);
  const { engine, choices: engineChoices } = chooseEngine(options.engine, given, inside);
  requireRequestPlane(engine.kind, given);
  const share =
    placed === undefined ? undefined : { ...placed.share, versions: versionsOf(engine.kind, inside) };
  const planes = choosePlanes(given, options, host.environment);
  const { uses, choices: infraChoices } = chooseInfra(planes.needs, options, host);
  if (!engine.kind.reachesAnyInfra) requireAccess(uses, host.environment, inside.python?.dynamoVersion ?? '');
  const { profile, choices: namespaceChoices } = namespaced(
    given,
    uses,
    host.runId,
    share === undefined ? undefined : runNameOf(options.name, given),
  );
  const allReplicas = replicasOf(profile, options.replicas);
  const mine = allReplicas.filter(
    ({ component }) => share === undefined || share.components.includes(component),
  );
  const rank = options.hosts?.rank;
  requireFew(mine, profile);
  if (rank === undefined) requireOneHost(mine, profile);
  const replicas = rank === undefined ? mine : (shares?.withRank(mine, rank, engine.kind, profile) ?? mine);
  const http = planHttp(profile, options, host);
  const placement = engine.needsGpus && profile.device === 'gpu' ? place(replicas, options, host) : undefined;
  const range = portRange(host.environment);
  const pool = portPool(host.runId, (port) => host.busyPorts.has(port), range, [
    http.port,
    ...meetingPort(options),
  ]);
  const { infra, processes: infraSpecs } = planInfra(uses, { ...options, network }, host, pool);
  if (options.persist !== undefined && infra.persist === undefined) throw nothingToKeep(options.persist);
  const { path: model, choices: modelChoices } = chooseModel(profile, host);
  const servedName = profile.servedModelName ?? model;
  const choices = [
    ...nameChoices(options.name, profile),
    ...engineChoices,
    ...modelChoices,
    ...pythonChoices(engine.kind, inside.python),
    ...engine.notes({ ...profile, model }),
    ...planes.choices,
    ...infraChoices,
    ...hostChoices,
    ...(shares?.rankChoices(replicas) ?? []),
    ...namespaceChoices,
    ...http.choices,
    ...(placement?.choices ?? []),
  ];
  return {
    runtime,
    python: inside.python,
    engine,
    planes,
    uses,
    network,
    share,
    shares,
    profile,
    allReplicas,
    replicas,
    http,
    placement,
    pool,
    infra,
    infraSpecs,
    choices,
    model: { path: model, servedName, place: engine.modelPlace(model, servedName) },
  };
}

function versionsOf({ python }: EngineKind, host: HostFacts): HostShare['versions'] {
  if (python === undefined || host.python === undefined) return {};
  const backend = host.python.backends[python.backend?.distribution ?? ''];
  return { dynamo: host.python.dynamoVersion, ...(backend === undefined ? {} : { backend }) };
}

/** The port of rank 0 is one that the user names. */
function meetingPort({ hosts }: PlanOptions): number[] {
  return hosts?.rank === undefined ? [] : [hosts.rank.meet.port];
}

type Decided = ReturnType<typeof decide>;

/** Workers share it: the name of a file tells which model and rank its block is of. */
function kvCacheFolder(replicas: readonly Replica[], { runFolder }: HostFacts): { kvCacheFolder?: string } {
  const writes = replicas.some(
    (replica) => replica.kind === 'worker' && replica.spec.hierarchicalCache?.storage === 'file',
  );
  return writes ? { kvCacheFolder: `${runFolder}/kv-cache` } : {};
}

/** The processes, and what they share. */
function resolve(decided: Decided, options: PlanOptions, host: HostFacts) {
  const { runtime, engine, planes, profile, replicas, http, placement, pool, infra, infraSpecs, model } =
    decided;
  const deployment: LocalDeployment = {
    target: 'local',
    network: decided.network,
    profile,
    modelPath: model.place.path,
    servedModelName: model.servedName,
    discovery: discoveryOf(planes, infra, host),
    events: planes.events,
    ...(infra.nats === undefined ? {} : { nats: infra.nats.addresses.join(',') }),
    http,
    mediaFolder: `${host.runFolder}/media`,
    ...kvCacheFolder(replicas, host),
    temporaryFolder: temporaryFolder(engine.kind, host),
  };
  const access = accessVariables(infra, host.environment);
  const edges = afterInfra(infraSpecs, edgesOf(replicas));
  const { linkTo } = model.place;
  const cwd = linkTo === undefined ? host.runFolder : modelsFolder(host);
  const context: ProcessContext = {
    engine,
    deployment,
    options,
    host,
    pool,
    placement,
    edges,
    isPrivate: decided.share === undefined && (infra.etcd === undefined || isOwn(infra.etcd)),
    cwd,
    passes: access,
    modelTarget: linkTo,
    kernels: { kind: engine.kind, python: decided.python, environment: host.environment, gpus: host.gpus },
  };
  const specs = new Map([
    ...infraSpecs.map((spec): [string, ProcessSpec] => [spec.name, inZone(spec, host)]),
    ...replicas.map((replica): [string, ProcessSpec] => {
      const spec = processSpec(replica, context);
      return [
        replica.name,
        runtime === undefined ? inZone(spec, host) : inContainer(spec, runtime.image, context),
      ];
    }),
  ]);
  return { deployment, specs, edges, access, cwd };
}

/** SGLang and NATS log times without a time zone, so the zone of the logs is pinned to the caller's. */
function inZone(spec: ProcessSpec, { environment }: HostFacts): ProcessSpec {
  const { TZ } = environment;
  if (!TZ || spec.container !== undefined) return spec;
  return { ...spec, env: { TZ, ...spec.env } };
}

function nothingToKeep(name: string): DynamoError {
  return new DynamoError('usage', `--persist ${name}: this run does not start its own etcd or NATS.`, {
    hint: 'add --infra process, or omit --persist',
    fields: { option: '--persist', asked: name },
  });
}

function discoveryOf(planes: Planes, infra: InfraPlan, host: HostFacts): Discovery {
  if (planes.discovery === 'etcd') return { backend: 'etcd', endpoints: infra.etcd?.addresses ?? [] };
  // One folder per run: upstream's default is shared by all runs of a user, including dead ones.
  return { backend: 'file', folder: `${host.runFolder}/discovery` };
}

/** The kernel limits the path of a socket to 107 bytes, and upstream creates sockets in this folder. */
const longestTemporaryFolder = 72;

function temporaryFolder({ needsTemporaryFolder }: EngineKind, { runFolder }: HostFacts): string | undefined {
  const folder = `${runFolder}/tmp`;
  return needsTemporaryFolder && folder.length <= longestTemporaryFolder ? folder : undefined;
}

function place(replicas: readonly Replica[], { gpus: asked }: PlanOptions, host: HostFacts): Placement {
  const visible = host.environment.CUDA_VISIBLE_DEVICES;
  return placeWorkers(
    replicas.filter((replica) => replica.kind === 'worker'),
    {
      gpus: allowedGpus(host.gpus, asked, visible),
      weightsMiB: host.weightsMiB,
      limit: limitText(asked, visible),
      problem: host.gpuProblem,
    },
  );
}

/** On all hosts together. */
function expectedInstances(
  replicas: readonly Replica[],
  engine: Engine,
  profile: Profile,
): ExpectedInstances[] {
  const expected = new Map<string, ExpectedInstances>();
  for (const replica of replicas) {
    if (replica.kind !== 'worker') continue;
    const registersAs = registration(replica.spec, engine, profile);
    const key = Object.values(registersAs).join('.');
    expected.set(key, { ...registersAs, count: (expected.get(key)?.count ?? 0) + 1 });
  }
  return [...expected.values()];
}
