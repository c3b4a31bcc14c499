/** What an engine says of itself, and what a component needs on it: all that the rest of the program knows of engines. */
import type { FrontendSpec, Profile, WorkerMode, WorkerSpec } from '../profile/profile.ts';
import type { Dialect } from './dialects.ts';

/** Profiles give raw arguments by engine; those keys are the names. */
export type EngineName = keyof FrontendSpec['engineArgs'];

/** Ports that one process may need beside the HTTP port; each is planned, none is left to chance. */
export type PortName =
  | 'system'
  | 'bootstrap'
  | 'kvEvents'
  | 'nccl'
  | 'engine'
  | 'rpc'
  | 'stream'
  | 'client'
  | 'peer'
  | 'monitoring';
export type Ports = Readonly<Partial<Record<PortName, number>>>;

/** What all processes of a deployment share, fully decided. */
interface AnyDeployment {
  readonly profile: Profile;
  /** Hub id, absolute path, or path from the working directory of the processes: as `modelPlace` says. */
  readonly modelPath: string;
  readonly servedModelName: string;
  readonly events: 'zmq' | 'nats' | 'none';
  readonly mediaFolder: string;
}

/** Where processes of one machine listen for one another. */
export interface Network {
  /** Loopback, or an address that other hosts can reach. */
  readonly address: string;
  /** Name of the interface that has it. */
  readonly interface: string;
}

export const loopback: Network = { address: '127.0.0.1', interface: 'lo' };

/** Its processes are those of this machine. */
export interface LocalDeployment extends AnyDeployment {
  readonly target: 'local';
  /** Loopback, unless other hosts run a part of the deployment. */
  readonly network: Network;
  readonly discovery: Discovery;
  /** Where NATS listens, without credentials; absent when nothing needs it. */
  readonly nats?: string | undefined;
  readonly http: { readonly host: string; readonly port: number };
  /** For files and sockets that processes may forget; goes with the run. Absent where its path is too long for a socket. */
  readonly temporaryFolder?: string | undefined;
}

/**
 * Each process has a pod and an address of its own. Discovery, names, the HTTP port and the status port come from
 * Dynamo's operator. Source: docs/upstream/kubernetes.md#what-the-operator-adds.
 */
export interface PodDeployment extends AnyDeployment {
  readonly target: 'kubernetes';
}

export type Deployment = LocalDeployment | PodDeployment;

/** How the processes of a deployment find each other. */
export type Discovery =
  | { readonly backend: 'file'; readonly folder: string }
  | { readonly backend: 'etcd'; readonly endpoints: readonly string[] };

/** One worker process of a deployment, with what the plan gave it. */
export interface WorkerReplica {
  /** Of the process, unique in the plan. */
  readonly name: string;
  readonly spec: WorkerSpec;
  /** Those that the target leaves to the plan; no flag is given for another. */
  readonly ports: Ports;
  /** Values for CUDA_VISIBLE_DEVICES; empty when the engine takes none. */
  readonly gpus: readonly string[];
  /** Raw arguments of the user, after `--` on the command line. */
  readonly rawArgs: readonly string[];
}

export interface Launch {
  /** The program, with the words that make it this program. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Regular expression on the command lines of processes that it starts and cannot serve without. */
  readonly vitalChildren?: string | undefined;
}

/** What an engine may use of a host; the doctor skips the checks of the rest. The mocker uses a model without its `weights`. */
export type HostPart = 'gpus' | 'locked-memory' | 'cudnn' | 'nixl' | 'model' | 'weights';

/** What is true of an engine whatever the profile and the host. */
interface EngineFacts {
  readonly name: EngineName;
  readonly uses: readonly HostPart[];
  readonly requestPlanes: readonly Profile['requestPlane'][];
  /** False: what its clients can do (TLS, credentials) is asked before an external etcd or NATS is used. */
  readonly reachesAnyInfra: boolean;
  /** Whether its processes leave files and sockets behind in TMPDIR. */
  readonly needsTemporaryFolder: boolean;
  /** What its containers are made from: `name` is the one that the user gives another reference for. */
  readonly image: { readonly name: 'runtime' | 'sim'; readonly reference: string };
  /** Series on the page of a worker's status server; absent where it has none. */
  readonly metrics: { readonly kvUsage?: string };
  /** Its name with Dynamo's operator on Kubernetes; absent where the operator cannot run it. */
  readonly backendFramework?: string;
}

/** One of upstream's, in a Python environment. */
export interface UpstreamKind extends EngineFacts {
  readonly python: PythonNeed;
  make(parts: UpstreamParts): Engine;
}

/** The one that comes with this program. */
export interface EmbeddedKind extends EngineFacts {
  readonly python?: undefined;
  /** `command`: starts a process of src/sim. */
  make(command: readonly string[]): Engine;
}

export type EngineKind = UpstreamKind | EmbeddedKind;

/** What an engine of upstream is made from. */
export interface UpstreamParts {
  readonly home: PythonHome;
  readonly dialect: Dialect;
  readonly device: Profile['device'];
  /** Folder of a model without weights, in the place of models that are not on this host. */
  readonly tokenizer: string;
}

/** A Python environment as a place to start upstream's processes from. */
export interface PythonHome {
  readonly folder: string;
  /** Of Dynamo in it. */
  readonly version: string;
  /** Path of its interpreter. */
  readonly python: string;
  /** In an image, which has its own PATH and its own TMPDIR; `folder` is the image's name. */
  readonly inImage?: boolean;
  /** Variables of the caller. */
  readonly caller: Readonly<Record<string, string | undefined>>;
}

/** What must be installed beside `ai-dynamo` and what all engines share. Versions are those of Dynamo. */
export interface PythonNeed {
  /** The package that computes; absent where `ai-dynamo` is all. */
  readonly backend?: Backend;
  /** The newest that was seen to serve: what `dynamo setup` installs. */
  readonly version: string;
  /** Modules whose import proves that it works. */
  imports(version: string): readonly string[];
  /** Pre-releases that are allowed, each by name: allowing all of them pulls broken ones of other packages. */
  readonly preReleases: readonly Deviation[];
  /** Replace what a package of the tree asks for. */
  readonly overrides: readonly Deviation[];
  /** Free space that making the environment needs, in bytes. */
  diskBytes(version: string): number;
  /** What the user should know about a version. */
  notes(version: string): readonly string[];
  /** What `uv pip install` brings it with into an environment of the user's. */
  readonly byHand: string;
  /** Packages without which its workers cannot start; others may be an option that was tried and left. */
  readonly essential: readonly string[];
  /** Module of its workers, and where its sources name flags: folders or files below a package folder. */
  readonly worker: { readonly module: string; readonly sources: readonly string[] };
}

/** A Python package that an engine computes with. The extra of `ai-dynamo` that brings it has the same name. */
export interface Backend {
  readonly distribution: string;
  readonly title: string;
}

/** A line for the installer that upstream's metadata does not hold, and why it is there. */
export interface Deviation {
  readonly line: string;
  readonly because: string;
  /** The first version of Dynamo that it is for, and the first that it is not for any more. */
  readonly since: string;
  readonly before?: string;
}

/** An engine made for a profile and a host. */
export interface Engine {
  readonly kind: EngineKind;
  readonly needsGpus: boolean;
  /** Longest time between SIGTERM and a clean end, in milliseconds, doubled for slow machines. */
  stopGraceMs(part: 'frontend' | WorkerMode): number;
  frontend(spec: FrontendSpec, deployment: Deployment): Launch;
  worker(replica: WorkerReplica, deployment: Deployment): Launch;
  portsOf(spec: WorkerSpec): readonly PortName[];
  /** Component under which a mode registers in discovery. Source: docs/upstream/status-and-health.md#instances. */
  componentOf(mode: WorkerMode): string;
  /** What it decides beyond the profile, for the choices of a plan. */
  notes(profile: Profile): readonly Note[];
  /** `model`: a hub id, or the absolute path of a folder. Throws `usage` for a name that it cannot serve under. */
  modelPlace(model: string, servedModelName: string): ModelPlace;
}

/** Something that was chosen, and why. */
export interface Note {
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
