/** A deployment with every choice made: what `up` runs, `plan` prints and `smoke` proves. Serialisable as it is. */
import type { Discovery, EngineName, Ports } from '../engine/engine.ts';
import type { DaemonAddress } from '../base/identity.ts';
import type { ProofSpec, WorkerMode } from '../profile/profile.ts';
import type { ContainerSpec } from './container.ts';
import type { InfraPlan } from './infra.ts';

/** Raised when a field changes its meaning or goes; adding one does not. */
export const planVersion = 1;

/** A condition that a process reaches; others may wait for it. */
export type Condition = 'started' | 'ready';

/** How we know that one process is up. */
export type Probe =
  /** GET answers with status 200. */
  | { readonly kind: 'http'; readonly url: string }
  /** The status server of a worker says that this endpoint is ready, whatever its status code (encode says 503 for ever). */
  | { readonly kind: 'endpoint'; readonly url: string; readonly endpoint: string };

/** What follows when a process ends unasked after the deployment served; before that it is a failure to start. */
export interface RestartRule {
  readonly policy: 'no' | 'on-failure' | 'always';
  /** More restarts than this within the window are a crash loop, which ends the run; absent with `always`. */
  readonly maxRestarts?: number | undefined;
  readonly windowMs: number;
  /** Doubles with each restart in the window, up to `maxDelayMs`. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** When a process that was ready counts as dead although it lives. Fields are named as in Kubernetes. */
export interface LivenessRule {
  readonly periodMs: number;
  readonly timeoutMs: number;
  readonly failureThreshold: number;
  /** Between SIGTERM and SIGKILL of one that counts as dead; default: as at any stop. */
  readonly stopGraceMs?: number;
}

/**
 * What stands as `***`, and under which name the value for its place travels: see plan-secrets.ts. By the name of a
 * variable, and by the index of an argument.
 */
export interface Hidden {
  readonly env: Readonly<Record<string, string>>;
  readonly argv: Readonly<Record<string, string>>;
}

export interface ProcessSpec {
  /** Unique in the plan: `prefill`, or `prefill-2` where there are replicas. */
  readonly name: string;
  readonly kind: 'frontend' | 'worker' | 'infra';
  /** Key of the component in the profile; of infrastructure `etcd` or `nats`. */
  readonly component: string;
  readonly mode?: WorkerMode | undefined;
  readonly argv: readonly string[];
  /** Absent for a process of this host. */
  readonly container?: ContainerSpec | undefined;
  /** Set on top of the caller's environment, less `Plan.scrubbed`. Holds no secret, as `argv` does not. */
  readonly env: Readonly<Record<string, string>>;
  /** Absent where all is shown. */
  readonly hidden?: Hidden | undefined;
  /**
   * Regular expression on the command lines of processes that this one starts and cannot serve without: when one of
   * them ends, it has failed. SGLang itself notices after 5 to 65 s.
   * Source: docs/upstream/processes.md#who-dies-with-whom.
   */
  readonly vitalChildren?: string | undefined;
  readonly cwd: string;
  readonly ports: Ports & { readonly http?: number };
  readonly gpus: readonly string[];
  readonly dependsOn: readonly { readonly process: string; readonly condition: Condition }[];
  readonly probe: Probe;
  /** As what the frontend knows it; absent for processes that do not register. */
  readonly registersAs?:
    | { readonly namespace: string; readonly component: string; readonly endpoint: string }
    | undefined;
  readonly startupTimeoutMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly stopGraceMs: number;
  /** The same for one that was started and has not been ready; absent where it is `stopGraceMs`. */
  readonly loadingStopGraceMs?: number | undefined;
  /** The same for one that lost a process of `vitalChildren`; absent where it is `stopGraceMs`. */
  readonly degradedStopGraceMs?: number | undefined;
  readonly restart: RestartRule;
  /** In place of the plan's rule. */
  readonly liveness?: LivenessRule | undefined;
  /** What its loss means for the others, for people; said when it is lost. */
  readonly ifLost?: string | undefined;
  readonly logFile: string;
}

/** Instances of one component that must be seen through the frontend before the deployment serves. */
export interface ExpectedInstances {
  readonly namespace: string;
  readonly component: string;
  readonly endpoint: string;
  readonly count: number;
}

/** A choice that nobody spelled out, and why it fell so. */
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
  /** In the order in which they start. */
  readonly processes: readonly ProcessSpec[];
  /** Waves of process names; a wave is stopped when the one before is gone, or when no client is left that it serves. */
  readonly stopOrder: readonly (readonly string[])[];
  /** Names of inherited variables that no process gets. */
  readonly scrubbed: readonly string[];
  /** Names of variables of processes whose values stand nowhere. */
  readonly secrets: readonly string[];
  /** Counts from the last progress of a download or of loading, up to `startupCapMs` in all. */
  readonly readyTimeoutMs: number;
  readonly startupCapMs: number;
  readonly liveness: LivenessRule;
  /** A log that is longer is moved aside, where one older part is kept. */
  readonly maxLogBytes: number;
  /** Caps the stop of the whole run, and so every grace above. */
  readonly stopTimeoutMs?: number | undefined;
}

/** A plan that serves a model. */
export interface ServingPlan extends AnyPlan {
  readonly engine: EngineName;
  readonly model: { readonly path: string; readonly servedName: string };
  /** Of the frontend. */
  readonly http: { readonly host: string; readonly port: number; readonly url: string };
  readonly namespace: string;
  readonly discovery: Discovery;
  readonly events: 'zmq' | 'nats' | 'none';
  readonly nats?: string | undefined;
  /** Where etcd and NATS come from; absent when nothing needs them. */
  readonly infra?: InfraPlan | undefined;
  readonly mediaFolder: string;
  /** For files and sockets that processes may forget. */
  readonly temporaryFolder?: string | undefined;
  /** Link that must exist before the first process starts, through which processes find the model under its name. */
  readonly modelLink?: { readonly path: string; readonly target: string } | undefined;
  readonly expected: readonly ExpectedInstances[];
  readonly proof: ProofSpec;
  /** Requests go where their prefix is cached: that a repeated prompt does is part of the proof. */
  readonly provesReuse?: boolean | undefined;
}

/** That of `dynamo infra up`: etcd and NATS alone. `none` stands where a plan that serves has its engine. */
export interface InfraOnlyPlan extends AnyPlan {
  readonly engine: 'none';
  readonly infra: InfraPlan;
}

export type Plan = ServingPlan | InfraOnlyPlan;

/** What the proof of a deployment reads of its plan: a deployment on a cluster has a plan of no other kind. */
export interface Provable extends Pick<ServingPlan, 'runId' | 'proof' | 'provesReuse'> {
  readonly model: { readonly servedName: string };
  readonly http: { readonly url: string };
  readonly processes: readonly Pick<ProcessSpec, 'name' | 'kind' | 'component' | 'mode' | 'ports'>[];
}

export function isServing(plan: Plan): plan is ServingPlan {
  return plan.engine !== 'none';
}

/** Where clients reach what a plan starts: the frontend, or etcd where no model is served. */
export function clientUrl(plan: Plan): string {
  return isServing(plan) ? plan.http.url : (plan.infra.etcd?.addresses[0] ?? '');
}

/** Folders that must exist before the first process starts, and that go with the run. */
export function ephemeralFolders(plan: Plan): string[] {
  const data = plan.infra?.folders.filter(({ kept }) => !kept).map(({ path }) => path) ?? [];
  if (!isServing(plan)) return data;
  const { discovery, modelLink, temporaryFolder } = plan;
  return [
    ...(discovery.backend === 'file' ? [discovery.folder] : []),
    ...data,
    ...(temporaryFolder === undefined ? [] : [temporaryFolder]),
    ...(modelLink === undefined ? [] : [modelsFolder(plan)]),
  ];
}

/** Where links to models are, that give them their names. */
export function modelsFolder({ runFolder }: Pick<Plan, 'runFolder'>): string {
  return `${runFolder}/models`;
}

/** Folders that must exist before the first process starts, and that outlive the run. */
export function persistentFolders(plan: Plan): string[] {
  const data = plan.infra?.folders.filter(({ kept }) => kept).map(({ path }) => path) ?? [];
  const written = plan.processes
    .flatMap(({ container }) => container?.mounts ?? [])
    .flatMap(({ source, readOnly }) => (readOnly || source.startsWith(`${plan.runFolder}/`) ? [] : [source]));
  return [...new Set([...data, ...written])];
}
