/** What a component needs on an engine: the one interface between a plan and the programs that serve tokens. */
import type { FrontendSpec, Profile, WorkerMode, WorkerSpec } from '../profile/profile.ts';

export type EngineName = 'sglang' | 'mocker' | 'sim';

/** Ports that one process may need beside the HTTP port; each is planned, none is left to chance. */
export type PortName =
  | 'system'
  | 'bootstrap'
  | 'kvEvents'
  | 'nccl'
  | 'engine'
  | 'client'
  | 'peer'
  | 'monitoring';
export type Ports = Readonly<Partial<Record<PortName, number>>>;

/** What all processes of a deployment share, fully decided. */
export interface Deployment {
  readonly profile: Profile;
  /** Hub id, absolute path, or path from the working directory of the processes: as `modelPlace` says. */
  readonly modelPath: string;
  readonly servedModelName: string;
  readonly discovery: Discovery;
  readonly events: 'zmq' | 'nats' | 'none';
  /** Where NATS listens, without credentials; absent when nothing needs it. */
  readonly nats?: string | undefined;
  readonly http: { readonly host: string; readonly port: number };
  readonly mediaFolder: string;
  /** For files and sockets that processes may forget; goes with the run. Absent where its path is too long for a socket. */
  readonly temporaryFolder?: string | undefined;
}

/** How the processes of a deployment find each other. */
export type Discovery =
  | { readonly backend: 'file'; readonly folder: string }
  | { readonly backend: 'etcd'; readonly endpoints: readonly string[] };

/** One worker process of a deployment, with what the plan gave it. */
export interface WorkerSeat {
  /** Of the process, unique in the plan. */
  readonly name: string;
  readonly spec: WorkerSpec;
  readonly ports: Ports;
  /** Values for CUDA_VISIBLE_DEVICES; empty when the engine takes none. */
  readonly gpus: readonly string[];
  /** Raw arguments of the user, after `--` on the command line. */
  readonly rawArgs: readonly string[];
}

export interface Launch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Regular expression on the command lines of processes that it starts and cannot serve without. */
  readonly vitalChildren?: string | undefined;
}

export interface Engine {
  readonly name: EngineName;
  readonly needsGpus: boolean;
  /** Longest time between SIGTERM and a clean end, in milliseconds, doubled for slow machines. */
  stopGraceMs(part: 'frontend' | WorkerMode): number;
  frontend(spec: FrontendSpec, deployment: Deployment): Launch;
  worker(seat: WorkerSeat, deployment: Deployment): Launch;
  portsOf(spec: WorkerSpec): readonly PortName[];
  /** Component under which a mode registers in discovery. Source: docs/upstream/status-and-health.md#instances. */
  componentOf(mode: WorkerMode): string;
  /** What it decides beyond the profile, for the choices of a plan. */
  remarks(profile: Profile): readonly Remark[];
  /** `model`: a hub id, or the absolute path of a folder. Throws `usage` for a name that it cannot serve under. */
  modelPlace(model: string, servedModelName: string): ModelPlace;
}

/** Something that was chosen, and why. */
export interface Remark {
  readonly what: string;
  readonly value: string;
  readonly because: string;
}

/** Where the processes find the model. */
export interface ModelPlace {
  /** What they are told. */
  readonly path: string;
  /** Set when that is a link to be made in their working directory. */
  readonly linkTo?: string;
}
