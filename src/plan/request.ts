/** The input of planning besides the profile: facts about this host, and the options of the command. */
import type { EngineName, Rank } from '../engine/engine.ts';
import type { Images } from './container.ts';
import type { PlannerTarget } from '../profile/profile.ts';
import type { InfraFacts } from './infra.ts';

/** What the name of a model means on this host. */
export type ModelFact =
  /** A folder or file, by its absolute path. `bare`: its name could also be a hub id. */
  | { readonly kind: 'here'; readonly path: string; readonly bare: boolean }
  | { readonly kind: 'hub' }
  /** It can only be a path, and the path does not exist. */
  | { readonly kind: 'missing'; readonly problem: string; readonly hint: string };

/** A GPU that this user may use, as the driver reports it. */
export interface Gpu {
  readonly index: number;
  readonly uuid: string;
  readonly name: string;
  /** 0 when the driver does not report it. */
  readonly totalMiB: number;
  readonly usedMiB: number;
  /** Less than total minus used, since the driver reserves some. Absent when the driver does not report it. */
  readonly freeMiB?: number;
  /** For a MIG instance: UUID of its GPU. `index` is that of the GPU; only `uuid` names the instance. */
  readonly migOf?: string;
  /** Another run of this user that leases it; if the lease cannot be read, a sentence that says so. */
  readonly leasedBy?: string;
  /** Processes that use its memory, described for people. */
  readonly heldBy?: readonly string[];
}

/** A Python environment with Dynamo installed. */
export interface PythonEnvironment {
  readonly folder: string;
  /** Path of its interpreter. */
  readonly python: string;
  /** `folder` is the name of an image, and `python` a path inside it. */
  readonly inImage?: true;
  /** It was built in an image, and is mounted into it: its interpreter may be a link to nothing here. */
  readonly mounted?: true;
  /** As in the package metadata, with `.postN` if there is one. */
  readonly dynamoVersion: string;
  /** Versions of the packages that engines compute with, by name. */
  readonly backends: Readonly<Record<string, string | undefined>>;
  readonly torchVersion: string | undefined;
  /** Why this one was chosen and which were skipped, for the choices of a plan. */
  readonly because: string;
  /** By `--python` or DYNAMO_PYTHON. */
  readonly namedByUser?: true;
}

/** An address of this host that is not loopback. */
export interface HostAddress {
  readonly address: string;
  readonly interface: string;
  /** Bits of the network that it is in. */
  readonly prefix: number;
}

/** What the command line says about a deployment on several hosts. */
export interface HostsOptions {
  /** Components that this host runs; absent: all of them. */
  readonly only?: readonly string[] | undefined;
  /** URL of the etcd that the hosts share; absent on the host whose run starts it. */
  readonly join?: string | undefined;
  /** Address under which the other hosts reach this one. */
  readonly advertise?: string | undefined;
  /** Which part of one worker this host runs, when several hosts run it together. */
  readonly rank?: Rank | undefined;
}

export interface HostFacts {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The command of the embedded engine; role and flags are appended. */
  readonly sim: readonly string[];
  /** Folder of the model without weights that comes with this package. */
  readonly tokenizer: string;
  /** Id of the run that the plan is for, and its folder. */
  readonly runId: string;
  readonly runFolder: string;
  /** Ports that are in use, each with the process that uses it. */
  readonly busyPorts: ReadonlyMap<number, string>;
  readonly gpus: readonly Gpu[];
  /** Why `gpus` may be wrong, or empty although there is a GPU. */
  readonly gpuProblem?: string | undefined;
  /** Size of the model's weights, if its files are on this host. */
  readonly weightsMiB?: number | undefined;
  /** The environment for the requested engine; with `auto` and no GPUs, none is searched for. */
  readonly python: PythonEnvironment | undefined;
  readonly infra: InfraFacts;
  /** Absent when it was not checked: then only the name of the model decides. */
  readonly model?: ModelFact | undefined;
  /** Addresses of this host other than loopback; looked up only for a deployment on several hosts. */
  readonly addresses?: readonly HostAddress[] | undefined;
  /** The kernel's limit for arguments and variables of one process together. Absent: the usual limit. */
  readonly argumentBytes?: number | undefined;
}

export interface PlanOptions {
  readonly engine: 'auto' | EngineName;
  /** Folder or interpreter of the Python environment, as the user named it; `HostFacts.python` is what was found. */
  readonly python?: string | undefined;
  readonly name?: string | undefined;
  readonly gpus?: readonly string[] | undefined;
  readonly httpHost?: string | undefined;
  readonly httpPort?: number | undefined;
  readonly infra: 'auto' | 'process' | 'docker' | 'external' | 'none';
  /** Where frontend and workers run. */
  readonly runtime?: 'process' | 'docker' | undefined;
  /** With `runtime: docker`: allow debuggers to attach inside the container. */
  readonly ptrace?: boolean | undefined;
  /** Override the default images. */
  readonly images?: Images | undefined;
  readonly discovery?: 'etcd' | 'file' | undefined;
  readonly events?: 'nats' | 'zmq' | 'none' | undefined;
  /** Name under which data of etcd and NATS is kept after the run. */
  readonly persist?: string | undefined;
  readonly replicas: Readonly<Record<string, number>>;
  /** Where other hosts run a part of the deployment. */
  readonly hosts?: HostsOptions | undefined;
  /** Start a Prometheus and a receiver of traces beside the deployment. */
  readonly observe?: boolean | undefined;
  /** With `observe`: also Tempo and Grafana, in containers. */
  readonly grafana?: boolean | undefined;
  /** Start NVIDIA's planner beside the deployment; `true`: with the target of the profile. */
  readonly planner?: true | PlannerTarget | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs?: number | undefined;
  readonly stopTimeoutMs?: number | undefined;
  /** For all logs of the run together. */
  readonly logLimitMiB?: number | undefined;
  readonly rawArgs: readonly string[];
  /** The frontend writes a line for each request, without its text. */
  readonly recordsRequests?: boolean | undefined;
  /** In the foreground a crash ends the run; in the background the process is restarted. */
  readonly detached: boolean;
}
