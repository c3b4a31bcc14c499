/** Puts NVIDIA's planner into a plan: a process beside the deployment, and the bounds within which its decisions are carried out. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { type EngineKind, type LocalDeployment, loopback, type PythonHome } from '../engine/engine.ts';
import { findEngine } from '../engine/engines.ts';
import { plannerConfig, type PlannedRole } from '../engine/planner/config.ts';
import { plannerObstacle, plannerVersion } from '../engine/planner/need.ts';
import { pythonVariables, statusVariables } from '../engine/upstream.ts';
import type { PlannerSpec, Profile, WorkerMode } from '../profile/profile.ts';
import { allowedGpus, deviceName } from './gpu-demand.ts';
import { idleMiB } from './gpus.ts';
import type { Choice, Plan, ProcessSpec, ServingPlan } from './plan.ts';
import { isServing } from './plan.ts';
import { portPool, portRange } from './ports.ts';
import type { HostFacts, PlanOptions, PythonEnvironment } from './request.ts';
import { watcher } from './watcher.ts';
import { mostOnOneMachine } from '../profile/planner-bounds.ts';

/** Name of the process. */
export const plannerName = 'planner';

/** Upstream's own default, where no GPU limits the number of workers. */
const workersWithoutGpus = 8;

export interface PlannerRequest {
  readonly profile: Profile;
  readonly options: PlanOptions;
  /** What keeps the planner of this environment from starting; `undefined` if nothing does. */
  readonly lack: (python: PythonEnvironment) => string | undefined;
}

/** Throws `usage`, `environment` or `profile-invalid` when this deployment cannot have a planner. */
export function withPlanner<P extends Plan>(plan: P, request: PlannerRequest, host: HostFacts): P {
  const { profile, options } = request;
  const serving = requireWhole(plan);
  const support = requirePlanner(serving.engine);
  if (profile.device === 'cpu' && support.lackOnCpu !== undefined) throw onlyOnGpus(support.lackOnCpu);
  const python = requirePython(request, serving.engine, host);
  const spec: PlannerSpec = profile.planner ?? { target: 'throughput', replicas: {}, intervalSeconds: 5 };
  const target = options.planner === undefined || options.planner === true ? spec.target : options.planner;
  const { mode, roles } = rolesOf(serving, spec, profile);
  const budget = budgetOf(serving, spec, { options, host });
  requireWithin(serving, roles, budget.gpus);
  const task = {
    spec,
    target,
    backend: support.backend,
    servedModelName: serving.model.servedName,
    mode,
    roles,
    gpuBudget: budget.gpus,
  };
  const configFile = `${serving.runFolder}/planner.json`;
  const config = plannerConfig(task, python.dynamoVersion);
  const process = processOf(serving, { profile, python, configFile }, host);
  const { infra = { folders: [], files: [] } } = serving;
  const flags = support.workerFlags;
  const workers = serving.processes.map((each) => (each.kind === 'worker' ? withFlags(each, flags) : each));
  const [first = [], ...rest] = serving.stopOrder;
  return {
    ...plan,
    planner: { target, roles, gpuBudget: budget.gpus },
    infra: {
      ...infra,
      files: [...infra.files, { path: configFile, text: `${JSON.stringify(config, undefined, 2)}\n` }],
    },
    choices: [...serving.choices, ...choicesOf(serving, { target, roles, because: budget.because })],
    processes: [...workers, process],
    // It decides nothing more once the run ends.
    stopOrder: [[...first, plannerName], ...rest],
  };
}

function requireWhole(plan: Plan): ServingPlan {
  if (isServing(plan) && plan.share === undefined) return plan;
  throw new DynamoError('usage', '--planner needs a deployment whose processes all run on this host.', {
    hint: 'omit --planner, or the options about other hosts',
    fields: { option: '--planner' },
  });
}

/** Throws `usage` for an engine whose workers it cannot scale. */
export function requirePlanner(engine: string): NonNullable<EngineKind['planner']> {
  const support = findEngine(engine)?.planner;
  if (support !== undefined) return support;
  throw new DynamoError('usage', `--planner: NVIDIA's planner cannot scale the engine ${engine}.`, {
    details: ["It comes with Dynamo, and reads what Dynamo's workers publish."],
    hint: "--engine mocker   # simulated answers with Dynamo's own frontend; --engine sglang on GPUs",
    impossible: true,
    fields: { option: '--planner', engine },
  });
}

function onlyOnGpus(why: string): DynamoError {
  return new DynamoError('usage', `--planner: ${why}.`, {
    hint: "--engine mocker   # simulated answers with Dynamo's own frontend; or device: gpu",
    impossible: true,
    fields: { option: '--planner' },
  });
}

function requirePython(
  { options, lack }: PlannerRequest,
  engine: string,
  { python }: HostFacts,
): PythonEnvironment {
  if (options.runtime === 'docker' || python === undefined) {
    throw new DynamoError('usage', '--planner runs as a process of this host, not in a container.', {
      hint: 'omit --runtime docker',
      fields: { option: '--planner' },
    });
  }
  const missing = lack(python);
  if (missing === undefined) return python;
  const version = plannerObstacle(python.dynamoVersion) === undefined ? python.dynamoVersion : plannerVersion;
  throw new DynamoError('environment', `--planner: ${missing} (${python.folder}).`, {
    hint: `dynamo setup --engine ${engine} --version ${version} --with planner`,
    fields: { option: '--planner', file: python.folder, version: python.dynamoVersion },
  });
}

const roleOfMode: Partial<Record<WorkerMode, PlannedRole['role']>> = {
  prefill: 'prefill',
  decode: 'decode',
  aggregated: 'decode',
};

/** Throws `usage` for deployments that upstream's planner does not know. */
function rolesOf(
  plan: ServingPlan,
  spec: PlannerSpec,
  profile: Profile,
): { readonly mode: 'agg' | 'disagg'; readonly roles: readonly PlannedRole[] } {
  const workers = plan.processes.filter(({ kind }) => kind === 'worker');
  const components = [...new Map(workers.map((each) => [each.component, each])).values()];
  requireKnown(Object.keys(spec.replicas), components, profile);
  const roles = components.flatMap(({ component, mode, gpus }): PlannedRole[] => {
    const role = mode === undefined ? undefined : roleOfMode[mode];
    if (role === undefined) return [];
    const { min = 1, max = mostOnOneMachine } = spec.replicas[component] ?? {};
    return [{ role, component, min, max, gpus: Math.max(1, gpus.length) }];
  });
  const modes = components
    .map(({ mode }) => String(mode))
    .toSorted((a, b) => a.localeCompare(b))
    .join(' and ');
  const mode = modes === 'aggregated' ? 'agg' : modes === 'decode and prefill' ? 'disagg' : undefined;
  const sharing = components.find(({ component, gpus }) =>
    workers.some((other) => other.component !== component && other.gpus.some((gpu) => gpus.includes(gpu))),
  );
  if (mode !== undefined && sharing === undefined) return { mode, roles };
  const why =
    sharing === undefined
      ? `has workers of ${modes || 'no mode'}; the planner knows aggregated workers, or prefill and decode`
      : `has workers that share GPU ${sharing.gpus.join(',')}: another one cannot be added`;
  throw new DynamoError('usage', `--planner: profile ${profile.name} ${why}.`, {
    hint: 'dynamo up disagg --planner   # prefill and decode, each on GPUs of its own',
    impossible: true,
    fields: { option: '--planner', asked: profile.name },
  });
}

function requireKnown(named: readonly string[], workers: readonly ProcessSpec[], profile: Profile): void {
  const known = workers.map(({ component }) => component);
  const wrong = named.find((each) => !known.includes(each));
  if (wrong === undefined) return;
  const meant = nearest(wrong, known);
  throw new DynamoError(
    'profile-invalid',
    `planner.replicas.${wrong}: ${profile.name} has no worker ${wrong}.`,
    {
      hint: meant === undefined ? `workers: ${known.join(', ')}` : `did you mean planner.replicas.${meant}?`,
      fields: { key: `planner.replicas.${wrong}`, choices: known, nearest: meant },
    },
  );
}

interface Budget {
  readonly gpus: number;
  readonly because: string;
}

/** What the run has and what no one else uses; a worker that starts later has to find its GPUs idle all the same. */
function budgetOf(
  plan: ServingPlan,
  { maxGpus, replicas }: PlannerSpec,
  { options, host }: { readonly options: PlanOptions; readonly host: HostFacts },
): Budget {
  const workers = plan.processes.filter(({ kind }) => kind === 'worker');
  const own = new Set(workers.flatMap(({ gpus }) => gpus));
  const bounds = [...new Set(workers.map(({ component }) => component))].map((component) => {
    const gpus = Math.max(1, workers.find((each) => each.component === component)?.gpus.length ?? 1);
    return (replicas[component]?.max ?? Infinity) * gpus;
  });
  const bounded = bounds.reduce((sum, each) => sum + each, 0);
  if (own.size === 0) {
    const gpus = Math.min(bounded, maxGpus ?? Math.max(workersWithoutGpus, bounded < Infinity ? bounded : 0));
    return { gpus, because: `up to ${gpus} workers: this engine uses no GPU` };
  }
  const visible = host.environment.CUDA_VISIBLE_DEVICES;
  const idle = allowedGpus(host.gpus, options.gpus, visible).filter(
    (gpu) => !own.has(deviceName(gpu)) && gpu.leasedBy === undefined && gpu.usedMiB <= idleMiB,
  );
  const gpus = Math.min(own.size + idle.length, maxGpus ?? Infinity, bounded);
  return { gpus, because: `up to ${gpus} GPUs: ${own.size} of this run, and ${idle.length} idle` };
}

/** Throws `usage` for a deployment that starts outside of its bounds. */
function requireWithin({ processes }: ServingPlan, roles: readonly PlannedRole[], gpuBudget: number): void {
  for (const { component, min, max } of roles) {
    const count = processes.filter((each) => each.component === component).length;
    if (min <= count && count <= max) continue;
    throw new DynamoError(
      'usage',
      `planner.replicas.${component}: from ${min} to ${max} workers, and ${count} would start.`,
      {
        hint: `--replicas ${component}=${count < min ? min : max}`,
        fields: { key: `planner.replicas.${component}`, asked: String(count) },
      },
    );
  }
  const least = roles.reduce((sum, { gpus, component }) => {
    return sum + gpus * processes.filter((each) => each.component === component).length;
  }, 0);
  if (least <= gpuBudget) return;
  throw new DynamoError('usage', `planner.maxGpus: ${gpuBudget}, and the workers start with ${least}.`, {
    hint: `--set planner.maxGpus=${least}`,
    fields: { key: 'planner.maxGpus', asked: String(gpuBudget) },
  });
}

function choicesOf(
  { engine }: ServingPlan,
  { target, roles, because }: { target: string; roles: readonly PlannedRole[]; because: string },
): Choice[] {
  const bounds = roles.map(({ component, min, max }) =>
    max < mostOnOneMachine ? `${component} ${min} to ${max}` : `${component} from ${min}`,
  );
  return [
    { what: plannerName, value: target, because: `--planner: ${bounds.join(', ')}; ${because} (${engine})` },
  ];
}

/** Words that the user gave already stay the only ones. */
function withFlags(spec: ProcessSpec, flags: readonly string[]): ProcessSpec {
  const missing = flags.filter((flag) => !spec.argv.includes(flag));
  return missing.length === 0 ? spec : { ...spec, argv: [...spec.argv, ...missing] };
}

interface PlannerParts {
  readonly profile: Profile;
  readonly python: PythonEnvironment;
  readonly configFile: string;
}

function processOf(
  plan: ServingPlan,
  { profile, python, configFile }: PlannerParts,
  host: HostFacts,
): ProcessSpec {
  const taken = plan.processes.flatMap(({ ports }) => Object.values(ports));
  const port = portPool(
    `${plan.runId} ${plannerName}`,
    (each) => host.busyPorts.has(each),
    portRange(host.environment),
    taken,
  ).take();
  const home: PythonHome = {
    folder: python.folder,
    version: python.dynamoVersion,
    python: python.python,
    caller: host.environment,
  };
  const deployment: LocalDeployment = {
    target: 'local',
    network: loopback,
    profile: { ...profile, namespace: plan.namespace },
    modelPath: plan.model.path,
    servedModelName: plan.model.servedName,
    discovery: plan.discovery,
    events: plan.events,
    nats: plan.nats,
    http: plan.http,
    mediaFolder: plan.mediaFolder,
    temporaryFolder: plan.temporaryFolder,
  };
  const { TZ } = host.environment;
  const frontend = plan.processes.find(({ kind }) => kind === 'frontend');
  const proxies = Object.entries(frontend?.env ?? {}).filter(([name]) => /^no_proxy$/i.test(name));
  const spec = watcher(plan, {
    name: plannerName,
    argv: [python.python, '-m', 'dynamo.planner', '--config', configFile],
    env: {
      ...(TZ ? { TZ } : {}),
      ...pythonVariables(home, deployment, plannerName),
      ...statusVariables(port, deployment),
      ...Object.fromEntries(proxies),
    },
    ports: { system: port },
    // Ready for its first look 20 s later: it waits twice for an endpoint that no worker has. Seen with 1.4.2.
    probe: { kind: 'http', url: `http://127.0.0.1:${port}/live` },
    ifLost: 'the planner is restarted; the number of workers stays as it is until then',
  });
  return {
    ...spec,
    // It reads their cards as it starts.
    dependsOn: plan.processes
      .filter(({ kind }) => kind === 'worker')
      .map(({ name }) => ({ process: name, condition: 'ready' })),
    startupTimeoutMs: 120_000,
    stopGraceMs: Math.min(5_000, spec.stopGraceMs),
  };
}
