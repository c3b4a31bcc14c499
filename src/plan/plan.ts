/** A deployment with every choice made: what `up` runs, `plan` prints and `smoke` proves. Serialisable. */
import { DynamoError } from '../base/error.ts';
import type { Discovery, EngineName, Network, Ports, Rank } from '../engine/engine.ts';
import type { DaemonAddress } from '../base/identity.ts';
import type { PlannedRole } from '../engine/planner/config.ts';
import type { PlannerTarget, ProofSpec, WorkerMode } from '../profile/profile.ts';
import type { ContainerSpec } from './container.ts';
import type { InfraPlan } from './infra.ts';

/** Raised when a field is removed or changes its meaning, but not when one is added. */
export const planVersion = 1;

/** A condition that a process reaches; others may wait for it. */
type Condition = 'started' | 'ready';

export interface Edge {
  readonly process: string;
  readonly condition: Condition;
}

/** What it waits for when a run starts: what it depends on, and the process whose turn to load is before its own. */
export function startsAfter(
  { name, dependsOn, loadsInTurn }: Pick<ProcessSpec, 'name' | 'dependsOn' | 'loadsInTurn'>,
  { processes }: Pick<Plan, 'processes'>,
): readonly Edge[] {
  if (loadsInTurn === undefined) return dependsOn;
  const turns = processes.filter((other) => other.loadsInTurn === loadsInTurn);
  const before = turns[turns.findIndex((other) => other.name === name) - 1];
  return before === undefined ? dependsOn : [...dependsOn, { process: before.name, condition: 'ready' }];
}

/** How to tell that a process is ready. */
export type Probe =
  /** GET answers with status 200. */
  | { readonly kind: 'http'; readonly url: string }
  /** A worker's status server lists this endpoint as ready; the status code is ignored (encode workers always answer 503). */
  | { readonly kind: 'endpoint'; readonly url: string; readonly endpoint: string }
  /** Its metrics have this series, with a value above 0: set once a worker has loaded, also where it registers nothing. */
  | { readonly kind: 'metric'; readonly url: string; readonly metric: string };

/** What happens when a process ends unexpectedly after the deployment was ready; before that, it is a failed start. */
export interface RestartRule {
  readonly policy: 'no' | 'on-failure' | 'always';
  /** More restarts than this within the window are a crash loop, which ends the run; absent with `always`. */
  readonly maxRestarts?: number | undefined;
  readonly windowMs: number;
  /** Doubles with each restart in the window, up to `maxDelayMs`. */
  readonly firstDelayMs: number;
  /** The first restart in the window waits for nothing. */
  readonly firstAtOnce?: true;
  readonly maxDelayMs: number;
}

/** When a process that was ready counts as unhealthy. Fields are named as in Kubernetes. */
export interface LivenessRule {
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly failureThreshold: number;
  /** Between SIGTERM and SIGKILL of an unhealthy process; default: `stopGraceMs` of the process. */
  readonly stopGraceMs?: number;
}

/**
 * What the plan shows as `***`, with the name of the secret that belongs there (see plan-secrets.ts): keyed by variable,
 * and by index of the argument.
 */
export interface Hidden {
  readonly env: Readonly<Record<string, string>>;
  readonly argv: Readonly<Record<string, string>>;
}

export interface ProcessSpec {
  /** Unique in the plan: `prefill`, or `prefill-2` where there are replicas. */
  readonly name: string;
  readonly kind: 'frontend' | 'worker' | 'infra';
  /** Key of the component in the profile; `etcd` or `nats` for infrastructure. */
  readonly component: string;
  readonly mode?: WorkerMode | undefined;
  /** Set when other hosts run the rest of this worker. */
  readonly rank?: Rank | undefined;
  readonly argv: readonly string[];
  /** Absent for a process outside containers. */
  readonly container?: ContainerSpec | undefined;
  /** Added to the caller's environment minus `Plan.scrubbed`. Like `argv`, it holds no secret. */
  readonly env: Readonly<Record<string, string>>;
  /** Absent when nothing is hidden. */
  readonly hidden?: Hidden | undefined;
  /**
   * Regular expression for the command lines of child processes that this one cannot serve without: when one of them
   * ends, this process has failed. SGLang itself notices after 5 to 65 s.
   * Source: docs/upstream/processes.md#who-dies-with-whom.
   */
  readonly vitalChildren?: string | undefined;
  /** Where its compiled kernels are kept after the run; absent if it compiles none. */
  readonly kernelFolder?: string | undefined;
  readonly cwd: string;
  readonly ports: Ports & { readonly http?: number };
  readonly gpus: readonly string[];
  readonly dependsOn: readonly Edge[];
  /** Processes with the same value load one after the other, also when they are restarted or added. */
  readonly loadsInTurn?: string | undefined;
  readonly probe: Probe;
  /** How it appears in discovery; absent for processes that do not register. */
  readonly registersAs?:
    | { readonly namespace: string; readonly component: string; readonly endpoint: string }
    | undefined;
  readonly startupTimeoutMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly stopGraceMs: number;
  /** The same for a process that is not ready yet; absent if equal to `stopGraceMs`. */
  readonly loadingStopGraceMs?: number | undefined;
  /** The same for a degraded process, which lost one of `vitalChildren`; absent if equal to `stopGraceMs`. */
  readonly degradedStopGraceMs?: number | undefined;
  /** The same when the whole run stops and its frontend has no client left; absent if equal to `stopGraceMs`. */
  readonly unusedStopGraceMs?: number | undefined;
  readonly restart: RestartRule;
  /** Overrides the rule of the plan. */
  readonly liveness?: LivenessRule | undefined;
  /**
   * With requests in flight, the shortest time without a sign of work after which it is asked whether it still works;
   * absent for a process that is never asked.
   */
  readonly standstillMs?: number | undefined;
  /** It only watches: no other process needs it. */
  readonly watches?: true | undefined;
  /** What its loss means for other processes, for people; shown when it is lost. */
  readonly ifLost?: string | undefined;
  readonly logFile: string;
}

/** Instances of one component that the frontend must list before the deployment is ready. */
export interface ExpectedInstances {
  readonly namespace: string;
  readonly component: string;
  readonly endpoint: string;
  readonly count: number;
}

export function registersAt(place: ExpectedInstances): (spec: ProcessSpec) => boolean {
  return ({ registersAs: at }) =>
    at?.namespace === place.namespace && at.component === place.component && at.endpoint === place.endpoint;
}

/** How many there are of each component. */
export function workerCounts({ processes }: Pick<Plan, 'processes'>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind, component } of processes)
    if (kind === 'worker') counts[component] = (counts[component] ?? 0) + 1;
  return counts;
}

/** A choice that the user did not make explicitly, and the reason for it. */
export interface Choice {
  readonly what: string;
  readonly value: string;
  readonly because: string;
}

/** What both kinds of plan have. */
interface AnyPlan {
  readonly version: typeof planVersion;
  readonly runId: string;
  readonly name: string;
  readonly profile: { readonly name: string; readonly file: string; readonly description: string };
  /** The Docker daemon that runs the containers of this plan; absent where it has none. */
  readonly docker?: DaemonAddress | undefined;
  readonly runFolder: string;
  readonly choices: readonly Choice[];
  /** UUIDs of all GPUs of `processes`: what the run leases. */
  readonly gpuUuids: readonly string[];
  /** The GPUs that `--gpus` named; absent without it. More workers get no others. */
  readonly allowedGpus?: readonly string[] | undefined;
  /** In the order in which they start. */
  readonly processes: readonly ProcessSpec[];
  /** Waves of process names; a wave is stopped once the one before has ended, or once it has no clients left. */
  readonly stopOrder: readonly (readonly string[])[];
  /** Names of inherited variables that no process gets. */
  readonly scrubbed: readonly string[];
  /** Names of variables whose values are not stored. */
  readonly secrets: readonly string[];
  /** Restarts with each progress of a download or of loading, up to `startupCapMs` in total. */
  readonly readyTimeoutMs: number;
  readonly startupCapMs: number;
  readonly liveness: LivenessRule;
  /** A longer log is rotated; one older part is kept. */
  readonly maxLogBytes: number;
  /** Limits the stop of the whole run, and so every grace period above. */
  readonly stopTimeoutMs?: number | undefined;
}

/** The part of a deployment that this host runs. */
export interface HostShare extends Network {
  readonly components: readonly string[];
  /** Components that run on other hosts only. */
  readonly elsewhere: readonly { readonly component: string; readonly mode?: WorkerMode }[];
  /** Of Dynamo, and of the package that computes; absent where the engine has none. Those of all hosts must agree. */
  readonly versions: { readonly dynamo?: string; readonly backend?: string };
}

/** What the planner of a run may change: the bounds within which its decisions are carried out. */
export interface PlannerPlan {
  readonly target: PlannerTarget;
  readonly roles: readonly PlannedRole[];
  /** GPUs of all workers together; workers where the engine uses no GPUs. */
  readonly gpuBudget: number;
}

/** A plan whose processes serve a model, or a part of those that do. */
interface ModelPlan extends AnyPlan {
  readonly engine: EngineName;
  readonly model: { readonly path: string; readonly servedName: string };
  readonly namespace: string;
  readonly discovery: Discovery;
  readonly events: 'zmq' | 'nats' | 'none';
  readonly nats?: string | undefined;
  /** Where etcd and NATS come from; absent when nothing needs them. */
  readonly infra?: InfraPlan | undefined;
  readonly mediaFolder: string;
  /** KV blocks on disk; absent if no worker writes any. */
  readonly kvCacheFolder?: string | undefined;
  /** TMPDIR of the processes, for files and sockets that they leave behind. */
  readonly temporaryFolder?: string | undefined;
  /** A link created before the first process starts, through which processes find the model under its served name. */
  readonly modelLink?: { readonly path: string; readonly target: string } | undefined;
  readonly expected: readonly ExpectedInstances[];
  /** Present with `--planner`. */
  readonly planner?: PlannerPlan | undefined;
  /** Present when other hosts run the rest of the deployment. */
  readonly share?: HostShare | undefined;
}

/** With the frontend: what it proves is the whole deployment, on all hosts. */
export interface ServingPlan extends ModelPlan {
  /** Of the frontend. */
  readonly http: { readonly host: string; readonly port: number; readonly url: string };
  readonly proof: ProofSpec;
  /** Routing follows the prefix cache, so the proof also checks that a repeated prompt is routed to its cache. */
  readonly provesReuse?: boolean | undefined;
}

/** Workers of a deployment whose frontend runs on another host. */
export interface WorkersPlan extends ModelPlan {
  readonly share: HostShare;
  readonly http?: undefined;
  readonly proof?: undefined;
}

/** The plan of `dynamo infra up`: only etcd and NATS, with `none` as its engine. */
export interface InfraOnlyPlan extends AnyPlan {
  readonly engine: 'none';
  readonly infra: InfraPlan;
}

export type Plan = ServingPlan | WorkersPlan | InfraOnlyPlan;

/** The part of a plan that the proof reads; a deployment on a cluster has only this. */
export interface Provable extends Pick<ServingPlan, 'runId' | 'proof' | 'provesReuse' | 'share'> {
  readonly model: { readonly servedName: string };
  readonly http: { readonly url: string };
  readonly processes: readonly Pick<ProcessSpec, 'name' | 'kind' | 'component' | 'mode' | 'ports' | 'rank'>[];
}

/** Whether it starts workers of a model, with or without their frontend. */
export function runsModel(plan: Plan): plan is ServingPlan | WorkersPlan {
  return plan.engine !== 'none';
}

/** Whether it has a frontend, which requests go to. */
export function isServing(plan: Plan): plan is ServingPlan {
  return runsModel(plan) && plan.http !== undefined;
}

/** Throws `usage` if no request can be sent to it. */
export function requireServing(plan: Plan): ServingPlan {
  if (isServing(plan)) return plan;
  const what = runsModel(plan) ? 'has its frontend on another host' : 'runs etcd and NATS only';
  throw new DynamoError('usage', `${plan.name} ${what}: no request can be sent to it.`, {
    hint: runsModel(plan) ? 'run this on the host of the frontend' : 'dynamo up agg   # serves a model',
    fields: { runId: plan.runId },
  });
}

/** The URL for clients: that of the frontend, or of etcd when no model is served; empty for workers alone. */
export function clientUrl(plan: Plan): string {
  if (runsModel(plan)) return plan.http?.url ?? '';
  return plan.infra.etcd?.addresses[0] ?? '';
}

/** Folders that are created before the first process starts and removed after the run. */
export function ephemeralFolders(plan: Plan): string[] {
  const data = plan.infra?.folders.filter(({ kept }) => !kept).map(({ path }) => path) ?? [];
  if (!runsModel(plan)) return data;
  const { discovery, kvCacheFolder, modelLink, temporaryFolder } = plan;
  return [
    ...(discovery.backend === 'file' ? [discovery.folder] : []),
    ...data,
    ...(kvCacheFolder === undefined ? [] : [kvCacheFolder]),
    ...(temporaryFolder === undefined ? [] : [temporaryFolder]),
    ...(modelLink === undefined ? [] : [modelsFolder(plan)]),
  ];
}

/** One line a request, written by the frontend if the run records requests. */
export function requestsFile({ runFolder }: Pick<Plan, 'runFolder'>): string {
  return `${runFolder}/requests.jsonl`;
}

/** One line a span, written by the receiver of traces of `up --observe`. */
export function spansFile({ runFolder }: Pick<Plan, 'runFolder'>): string {
  return `${runFolder}/spans.jsonl`;
}

/** The folder of the links that give models their served names. */
export function modelsFolder({ runFolder }: Pick<Plan, 'runFolder'>): string {
  return `${runFolder}/models`;
}

/** Folders that are created before the first process starts and kept after the run. */
export function persistentFolders(plan: Plan): string[] {
  const data = plan.infra?.folders.filter(({ kept }) => kept).map(({ path }) => path) ?? [];
  const written = plan.processes
    .flatMap(({ container }) => container?.mounts ?? [])
    .flatMap(({ source, readOnly }) => (readOnly || source.startsWith(`${plan.runFolder}/`) ? [] : [source]));
  return [...new Set([...data, ...written])];
}
