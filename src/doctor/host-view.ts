/** Everything that a check can access of the host: small enough for tests to build a host with any fault. */
import type { Clock } from '../base/clock.ts';
import type { ContainerSurvey } from '../plan/container.ts';
import type { HostRecord } from '../plan/host-record.ts';
import type { Plan, ServingPlan, WorkersPlan } from '../plan/plan.ts';
import type { Gpu, PlanOptions, PythonEnvironment } from '../plan/request.ts';
import type { Profile } from '../profile/profile.ts';

export interface HostView {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly cwd: string;
  readonly clock: Clock;
  /** The profile and plan to check; absent if no profile was named. */
  readonly subject: Subject | undefined;
  readonly files: HostFiles;
  readonly network: HostNetwork;
  /** Runs a program from PATH, or at a path; `undefined` if it does not exist. Rejects if it does not end in time. */
  run(program: string, words: readonly string[], timeoutMs?: number): Promise<Output | undefined>;
  /** Why /proc does not show which processes are running, and how to fix it; `undefined` if it does. */
  procTrouble(): { readonly words: string; readonly fix: string } | undefined;
  /** `pid 912 (node server.js)`, or a text for a process that is not visible; `undefined` if no process listens there. */
  portHolder(port: number): string | undefined;
  gpus(): Promise<GpuReport>;
  /** Since the host started, as far as the kernel keeps it. */
  kernelLog(): Promise<KernelLog>;
  containers(): Promise<ContainerSurvey>;
  python(): PythonEnvironment | undefined;
  /** Throws when the state folder cannot be read. */
  state(): Promise<StateFacts>;
  /** What the hosts of this deployment say of themselves in the etcd that the plan joins. Rejects if it does not answer. */
  hostRecords(): Promise<readonly HostRecord[]>;
  /** Unused segments of this user in /dev/shm. */
  lostSegments(): readonly Segment[];
}

export interface Subject {
  readonly profile: Profile;
  /** Absent if there is no valid plan on this host; the report has a separate line for the reason. */
  readonly plan: ServingPlan | WorkersPlan | undefined;
  /** The preferred port of the frontend, and whether the command line requires it. */
  readonly preferredHttpPort: number;
  readonly insistsOnPort: boolean;
  /** The source of etcd and NATS that the user asked for. */
  readonly infra: PlanOptions['infra'];
  readonly rawArgs: readonly string[];
}

/** Methods return `undefined` or an empty list for what does not exist, and reject if access is denied. */
export interface HostFiles {
  read(path: string): Promise<string | undefined>;
  /** Names in a folder. */
  list(path: string): Promise<readonly string[]>;
  /** Follows links. */
  stat(path: string): Promise<FileFacts | undefined>;
  /** Whether this user may write in a folder. */
  isWritable(path: string): Promise<boolean>;
  /** The file system that a path lies on. */
  space(path: string): Promise<{ readonly freeBytes: number; readonly totalBytes: number } | undefined>;
}

export interface FileFacts {
  readonly isFolder: boolean;
  readonly sizeBytes: number;
  readonly uid: number;
  readonly inode: number;
  /** Of the file system, as /proc/locks writes it: `fe:00`. */
  readonly device: string;
  readonly modifiedMs: number;
}

export interface HostNetwork {
  /** Without a proxy. Rejects when there is no answer within `timeoutMs`. */
  request(url: string, call?: HttpCall): Promise<HttpReply>;
  /** `undefined` if a connection was made, else the reason, such as `ECONNREFUSED`. */
  connect(address: string, port: number): Promise<string | undefined>;
  /** The first line that a server sends unprompted. Rejects if it is unreachable or sends nothing. */
  firstLine(address: string, port: number): Promise<string>;
  /** `undefined` if the port could be bound (it is released again), else the reason, such as `EADDRINUSE`. */
  bind(address: string, port: number): Promise<string | undefined>;
}

export interface HttpCall {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs?: number;
}

export interface HttpReply {
  readonly status: number;
  header(name: string): string | undefined;
  readonly body: string;
}

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the driver reports. Other fields are absent. */
export interface GpuReport {
  /** `absent`: nvidia-smi is not installed. */
  readonly state: 'answers' | 'absent' | 'fails' | 'hangs';
  /** What nvidia-smi said when it failed. */
  readonly problem?: string | undefined;
  readonly driverVersion?: string | undefined;
  /** The newest CUDA that the driver supports. */
  readonly cudaVersion?: string | undefined;
  /** What could not be read about listed GPUs. */
  readonly notes?: readonly string[] | undefined;
  readonly gpus: readonly GpuFacts[];
  /** Processes that use GPU memory; absent if unknown. */
  readonly holders?: readonly GpuHolder[] | undefined;
}

/** Its lines, or why it may not be read. */
export type KernelLog = { readonly lines: readonly string[] } | { readonly problem: string };

export interface GpuFacts extends Gpu {
  /** On the PCI bus, as in `0000:3b:00`. */
  readonly bus?: string | undefined;
  /** `Default`, `Exclusive_Process`, `Prohibited`. */
  readonly computeMode?: string | undefined;
  /** Uncorrected memory errors since the driver was loaded. */
  readonly eccErrors?: number | undefined;
  /** What the driver requires after a fault: `Reset`, `Reboot`; absent if there was none. */
  readonly recovery?: string | undefined;
}

export interface GpuHolder {
  readonly gpuUuid: string;
  /** As the driver sees it: meaningless in a container with its own pid namespace. */
  readonly pid: number;
  readonly usedMiB?: number | undefined;
  readonly name?: string | undefined;
}

/** Runs of this user, from their folders and ledgers. */
export interface StateFacts {
  readonly runs: readonly RunFacts[];
  /** Claims, drafts and sockets of processes that are dead. */
  readonly stale: readonly StaleThing[];
  /** Ends and cleans up what a dead run left; returns what was done. */
  reap(runId: string): Promise<string>;
  /** Removes stale files; returns what was removed. */
  dropStale(): Promise<readonly string[]>;
}

export interface RunFacts {
  readonly runId: string;
  readonly name: string;
  readonly startedAt: number;
  /** `dead`: its supervisor died without ending it. */
  readonly state: 'live' | 'dead' | 'ended';
  readonly plan: Plan | undefined;
  /** Processes of a dead run that still run, proven by its ledger. */
  readonly living: readonly { readonly pid: number; readonly process: string }[];
}

export interface StaleThing {
  readonly kind: string;
  readonly file: string;
  /** Why it is not needed. */
  readonly proof: string;
}

/** An unused shared memory segment. */
export interface Segment {
  readonly path: string;
  readonly bytes: number;
  /** Proof that one of our dead runs created it. */
  readonly proof?: string | undefined;
}
