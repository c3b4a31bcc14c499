/** The interface of an engine: what it is, and what a component needs on it. The rest of the program knows nothing else. */
import type { FrontendSpec, Profile, WorkerMode, WorkerSpec } from '../profile/profile.ts';
import type { VersionFlags } from './version-flags.ts';

/** The keys of `engineArgs` in a profile. */
export type EngineName = keyof FrontendSpec['engineArgs'];

/** Ports that a process may need besides the HTTP port; all of them are planned. */
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
  | 'monitoring'
  | 'ranks';
export type Ports = Readonly<Partial<Record<PortName, number>>>;

/** What all processes of a deployment share, with all choices made. */
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

/**
 * The part of one worker that this host runs, when its GPUs are on several hosts. All parts start alike; the one of rank
 * 0 registers and serves, the others compute for it. Source: docs/upstream/launch-scripts.md#several-hosts.
 */
export interface Rank {
  readonly rank: number;
  /** Hosts of the worker. */
  readonly of: number;
  /** Where rank 0 listens for the others. */
  readonly meet: { readonly host: string; readonly port: number };
}

/** Processes on this machine, which communicate over loopback, unless other hosts run a part of the deployment. */
export interface LocalDeployment extends AnyDeployment {
  readonly target: 'local';
  /** Loopback, unless other hosts run a part of the deployment. */
  readonly network: Network;
  readonly discovery: Discovery;
  /** Where NATS listens, without credentials; absent when nothing needs it. */
  readonly nats?: string | undefined;
  readonly http: { readonly host: string; readonly port: number };
  /** For KV blocks on disk; removed with the run. Absent if no worker writes any. */
  readonly kvCacheFolder?: string | undefined;
  /** TMPDIR for files and sockets that processes leave behind; removed with the run. Absent if too long for a socket path. */
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

/** One worker process of a deployment, with its planned resources. */
export interface WorkerReplica {
  /** Name of the process, unique in the plan. */
  readonly name: string;
  readonly spec: WorkerSpec;
  /** Ports that the plan assigns on this target; other ports get no flag. */
  readonly ports: Ports;
  /** Values for CUDA_VISIBLE_DEVICES; empty if the engine uses no GPU. */
  readonly gpus: readonly string[];
  /** Raw arguments of the user, after `--` on the command line. */
  readonly rawArgs: readonly string[];
  /** Set when other hosts run the rest of this worker. */
  readonly rank?: Rank | undefined;
}

export interface Launch {
  /** The program, with the arguments that select it, such as `python -m dynamo.sglang`. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Regular expression for the command lines of child processes that it cannot serve without. */
  readonly vitalChildren?: string | undefined;
  /** Local workers with the same value load one after the other: upstream would give them the same port. */
  readonly loadsInTurn?: string | undefined;
}

/** Parts of a host that an engine may use; the doctor skips checks of the others. The mocker uses a model without `weights`. */
export type HostPart = 'gpus' | 'locked-memory' | 'cudnn' | 'nixl' | 'model' | 'weights';

/** What an engine knows about workers on several hosts. */
export interface RankSupport {
  readonly modes: readonly WorkerMode[];
  /** A series on the status server of a rank, set once it has loaded, which it cannot before all ranks have met. */
  readonly loaded: string;
}

/** A folder for compiled kernels, and the variable that names it. */
export interface KernelCache {
  readonly variable: string;
  /** Below the folder for the version and GPU; empty for that one. */
  readonly folder: string;
}

/** Facts about an engine that do not depend on profile or host. */
interface EngineFacts {
  readonly name: EngineName;
  readonly uses: readonly HostPart[];
  readonly requestPlanes: readonly Profile['requestPlane'][];
  /** If false, its clients' support for TLS and credentials is checked before an external etcd or NATS is used. */
  readonly reachesAnyInfra: boolean;
  /** Whether its processes leave files and sockets behind in TMPDIR. */
  readonly needsTemporaryFolder: boolean;
  /** The image of its containers; `name` is the key with which the user overrides it. */
  readonly image: { readonly name: 'runtime' | 'sim'; readonly reference: string };
  /** How one worker spans several hosts; absent if each runs on one. */
  readonly ranks?: RankSupport | undefined;
  /** How NVIDIA's planner can scale its workers; absent if it cannot. */
  readonly planner?: {
    /** Its name in the configuration of the planner. */
    readonly backend: string;
    /** Flags with which a worker publishes what the planner reads. */
    readonly workerFlags: readonly string[];
    /** Why workers cannot publish it without a GPU; absent if they can. */
    readonly lackOnCpu?: string;
  };
  /** The first one names the folder of all; absent if it compiles nothing. */
  readonly kernelCaches?: readonly KernelCache[];
  /** Its name for Dynamo's Kubernetes operator; absent if the operator cannot run it. */
  readonly backendFramework?: string;
}

/** An engine of upstream, in a Python environment. */
export interface UpstreamKind extends EngineFacts {
  readonly python: PythonNeed;
  make(parts: UpstreamParts): Engine;
}

/** The engine that is part of this program. */
export interface EmbeddedKind extends EngineFacts {
  readonly python?: undefined;
  /** `command`: starts a process of src/sim. */
  make(command: readonly string[]): Engine;
}

export type EngineKind = UpstreamKind | EmbeddedKind;

/** The input for an engine of upstream. */
export interface UpstreamParts {
  readonly home: PythonHome;
  readonly versionFlags: VersionFlags;
  readonly device: Profile['device'];
  /** Folder of a model without weights, used for models that are not on this host. */
  readonly tokenizer: string;
}

/** A Python environment as a place to start upstream's processes from. */
export interface PythonHome {
  readonly folder: string;
  /** Of Dynamo in it. */
  readonly version: string;
  /** Path of its interpreter. */
  readonly python: string;
  /** In an image, with its own PATH and TMPDIR; `folder` is the name of the image. */
  readonly inImage?: boolean;
  /** Variables of the caller. */
  readonly caller: Readonly<Record<string, string | undefined>>;
}

/** What must be installed besides `ai-dynamo` and the packages that all engines share. Versions are those of Dynamo. */
export interface PythonNeed {
  /** The package that computes; absent if `ai-dynamo` is enough. */
  readonly backend?: Backend;
  /** The newest version that was seen to serve; `dynamo setup` installs it. */
  readonly version: string;
  /** Modules whose import proves that it works. */
  imports(version: string): readonly string[];
  /** Allowed pre-releases, by name: allowing all would install broken pre-releases of other packages. */
  readonly preReleases: readonly Deviation[];
  /** Replace requirements of packages in the dependency tree. */
  readonly overrides: readonly Deviation[];
  /** Free space needed to create the environment, in bytes. */
  diskBytes(version: string): number;
  /** Notes about a version for the user. */
  notes(version: string): readonly string[];
  /** Arguments of `uv pip install` that install it into an environment of the user. */
  readonly byHand: string;
  /** Packages without which its workers cannot start; others may be optional. */
  readonly essential: readonly string[];
  /** Module of its workers, and the sources that define their flags: folders or files below the package folder. */
  readonly worker: { readonly module: string; readonly sources: readonly string[] };
}

/** A Python package that an engine computes with. The extra of `ai-dynamo` that installs it has the same name. */
export interface Backend {
  readonly distribution: string;
  readonly title: string;
}

/** A requirement that is missing in upstream's metadata, and the reason for it. */
export interface Deviation {
  readonly line: string;
  readonly because: string;
  /** The first version of Dynamo that needs it, and the first that no longer does. */
  readonly since: string;
  readonly before?: string;
}

/** An engine for a profile and a host. */
export interface Engine {
  readonly kind: EngineKind;
  readonly needsGpus: boolean;
  /** The longest observed time between SIGTERM and a clean exit, doubled for slow machines, in milliseconds. */
  stopGraceMs(part: 'frontend' | WorkerMode): number;
  frontend(spec: FrontendSpec, deployment: Deployment): Launch;
  worker(replica: WorkerReplica, deployment: Deployment): Launch;
  portsOf(spec: WorkerSpec): readonly PortName[];
  /** Component under which a mode registers in discovery. Source: docs/upstream/status-and-health.md#instances. */
  componentOf(mode: WorkerMode): string;
  /** Choices that the engine makes beyond the profile. */
  notes(profile: Profile): readonly Note[];
  /** `model`: a hub id, or the absolute path of a folder. Throws `usage` for a name that it cannot serve under. */
  modelPlace(model: string, servedModelName: string): ModelPlace;
}

/** A choice, and the reason for it. */
export interface Note {
  readonly what: string;
  readonly value: string;
  readonly because: string;
}

/** Where the processes find the model. */
export interface ModelPlace {
  /** The path that processes get. */
  readonly path: string;
  /** The target, if `path` is a link to be created in their working directory. */
  readonly linkTo?: string;
}
