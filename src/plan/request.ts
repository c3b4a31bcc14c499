/** What planning starts from beside the profile: the facts of this host and the options of this command. */
import type { EngineName } from '../engine/engine.ts';
import type { Images } from './container.ts';
import type { InfraFacts } from './infra.ts';

/** What the name of a model means on this host. */
export type ModelFact =
  /** A folder or file, by its absolute path. `bare`: its name could be an id of a hub as well. */
  | { readonly kind: 'here'; readonly path: string; readonly bare: boolean }
  | { readonly kind: 'hub' }
  /** It can only be a path, and nothing is there. */
  | { readonly kind: 'missing'; readonly problem: string; readonly hint: string };

/** A GPU that this user may use, as the driver names it. */
export interface Gpu {
  readonly index: number;
  readonly uuid: string;
  readonly name: string;
  /** 0 when the driver does not tell. */
  readonly totalMiB: number;
  readonly usedMiB: number;
  /** Less than total minus used, as the driver keeps some for itself. Absent when it does not tell. */
  readonly freeMiB?: number;
  /** UUID of the GPU that this MIG instance is a part of; `index` is that one's, and only the UUID names the instance. */
  readonly migOf?: string;
  /** Another run of this user that has it; where its lease cannot be read, that in words. */
  readonly leasedBy?: string;
  /** Processes that hold its memory, in words. */
  readonly heldBy?: readonly string[];
}

/** A Python environment that holds Dynamo. */
export interface PythonEnvironment {
  readonly folder: string;
  /** Path of its interpreter. */
  readonly python: string;
  /** `folder` is the name of an image, and `python` a path in it. */
  readonly inImage?: true;
  /** Versions as package metadata say, with `.postN` where there is one. */
  readonly dynamoVersion: string;
  /** Of the packages that engines compute with, by their names. */
  readonly backends: Readonly<Record<string, string | undefined>>;
  readonly torchVersion: string | undefined;
  /** Why this one, and what was passed over, for the choices of a plan. */
  readonly because: string;
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
}

export interface HostFacts {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Starts the embedded engine; its role and flags follow. */
  readonly sim: readonly string[];
  /** Folder of the model without weights that comes with this package. */
  readonly tokenizer: string;
  /** Id of the run that the plan is for, and its folder. */
  readonly runId: string;
  readonly runFolder: string;
  /** Ports that are taken, each with who holds it. */
  readonly busyPorts: ReadonlyMap<number, string>;
  readonly gpus: readonly Gpu[];
  /** Why `gpus` may be wrong or empty although there is a GPU. */
  readonly gpuProblem?: string | undefined;
  /** Size of the model's weights, where its files are on this host. */
  readonly weightsMiB?: number | undefined;
  /** The one that fits the engine that is asked for; without GPUs, `auto` asks for none. */
  readonly python: PythonEnvironment | undefined;
  readonly infra: InfraFacts;
  /** Absent where nobody looked: then a model is taken for what its name says. */
  readonly model?: ModelFact | undefined;
  /** Addresses of this host besides loopback; looked at only where other hosts are to reach it. */
  readonly addresses?: readonly HostAddress[] | undefined;
  /** What the kernel takes as arguments and variables of one process together. Absent: what is usual. */
  readonly argumentBytes?: number | undefined;
}

export interface PlanOptions {
  readonly engine: 'auto' | EngineName;
  /** Folder or interpreter of the Python environment, as the user named it; the facts hold what it led to. */
  readonly python?: string | undefined;
  readonly name?: string | undefined;
  readonly gpus?: readonly string[] | undefined;
  readonly httpHost?: string | undefined;
  readonly httpPort?: number | undefined;
  readonly infra: 'auto' | 'process' | 'docker' | 'external' | 'none';
  /** Where frontend and workers run. */
  readonly runtime?: 'process' | 'docker' | undefined;
  /** With `runtime` docker: debuggers may attach inside. */
  readonly ptrace?: boolean | undefined;
  /** In place of the images that are used else. */
  readonly images?: Images | undefined;
  readonly discovery?: 'etcd' | 'file' | undefined;
  readonly events?: 'nats' | 'zmq' | 'none' | undefined;
  /** Name under which the data of etcd and NATS outlive the run. */
  readonly persist?: string | undefined;
  readonly replicas: Readonly<Record<string, number>>;
  /** Where other hosts run a part of the deployment. */
  readonly hosts?: HostsOptions | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs?: number | undefined;
  readonly stopTimeoutMs?: number | undefined;
  /** Of all logs of the run together. */
  readonly logLimitMiB?: number | undefined;
  readonly rawArgs: readonly string[];
  /** In the foreground a crash should be seen; in the background it should be mended. */
  readonly detached: boolean;
}
