/** All that a check may see of the host: so small that a test can build a host that has any trouble. */
import type { Clock } from '../base/clock.ts';
import type { ContainerSurvey } from '../plan/container.ts';
import type { Plan, ServingPlan } from '../plan/plan.ts';
import type { Gpu, PlanOptions, PythonEnvironment } from '../plan/request.ts';
import type { Profile } from '../profile/profile.ts';

export interface HostView {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly cwd: string;
  readonly clock: Clock;
  /** What the checks are about beside the host; absent when no profile was named. */
  readonly subject: Subject | undefined;
  readonly files: HostFiles;
  readonly network: HostNetwork;
  /** Runs a program of PATH, or of this path; `undefined` when there is none. Rejects when it does not end in time. */
  run(program: string, words: readonly string[], timeoutMs?: number): Promise<Output | undefined>;
  /** Why /proc does not tell which processes live, and what helps; `undefined` when it does. */
  procTrouble(): { readonly words: string; readonly fix: string } | undefined;
  /** `pid 912 (node server.js)` or words for somebody who cannot be seen; `undefined` when nobody listens there. */
  portHolder(port: number): string | undefined;
  gpus(): Promise<GpuReport>;
  /** Since the host was started, as far as the kernel keeps it. */
  kernelLog(): Promise<KernelLog>;
  containers(): Promise<ContainerSurvey>;
  python(): PythonEnvironment | undefined;
  /** Throws when the state folder cannot be read. */
  state(): Promise<StateFacts>;
  /** Of this user, in /dev/shm, used by nobody. */
  lostSegments(): readonly Segment[];
}

export interface Subject {
  readonly profile: Profile;
  /** Absent when there is no valid plan on this host; the report says why in a line of its own. */
  readonly plan: ServingPlan | undefined;
  /** The port that the frontend should have, and whether the command line insists on it. */
  readonly preferredHttpPort: number;
  readonly insistsOnPort: boolean;
  /** Where etcd and NATS shall come from, as the user said it. */
  readonly infra: PlanOptions['infra'];
  readonly rawArgs: readonly string[];
}

/** Readers answer `undefined` or nothing for what is not there, and reject when the host does not let them look. */
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
  /** `undefined` when a connection was made, else why not: `ECONNREFUSED`, say. */
  connect(address: string, port: number): Promise<string | undefined>;
  /** The first line that a server says by itself. Rejects when it cannot be reached or says none. */
  firstLine(address: string, port: number): Promise<string>;
  /** `undefined` when the port could be bound (it is given back), else why not: `EADDRINUSE`, say. */
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

/** What the driver says. Fields that it does not report are absent. */
export interface GpuReport {
  /** `absent`: there is no nvidia-smi. */
  readonly state: 'answers' | 'absent' | 'fails' | 'hangs';
  /** What nvidia-smi said when it failed. */
  readonly problem?: string | undefined;
  readonly driverVersion?: string | undefined;
  /** The newest CUDA that the driver supports. */
  readonly cudaVersion?: string | undefined;
  /** What could not be read of GPUs that are listed. */
  readonly notes?: readonly string[] | undefined;
  readonly gpus: readonly GpuFacts[];
  /** Processes that hold memory; absent when nobody could tell. */
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
  /** What the driver wants after a fault: `Reset`, `Reboot`; absent when all is well. */
  readonly recovery?: string | undefined;
}

export interface GpuHolder {
  readonly gpuUuid: string;
  /** As the driver sees it: in a container without the host's pid namespace it names nobody. */
  readonly pid: number;
  readonly usedMiB?: number | undefined;
  readonly name?: string | undefined;
}

/** Runs of this user, as their folders and ledgers tell. */
export interface StateFacts {
  readonly runs: readonly RunFacts[];
  /** Claims, drafts and sockets of processes that are dead. */
  readonly stale: readonly StaleThing[];
  /** Ends and tidies up what a dead run left; says what was done. */
  reap(runId: string): Promise<string>;
  /** Removes what is stale by then; says what it was. */
  dropStale(): Promise<readonly string[]>;
}

export interface RunFacts {
  readonly runId: string;
  readonly name: string;
  readonly startedAt: number;
  /** `dead`: its supervisor is gone and has not ended it. */
  readonly state: 'live' | 'dead' | 'ended';
  readonly plan: Plan | undefined;
  /** What still lives of a dead run, as its ledger proves. */
  readonly living: readonly { readonly pid: number; readonly process: string }[];
}

export interface StaleThing {
  readonly kind: string;
  readonly file: string;
  /** Why nobody needs it. */
  readonly proof: string;
}

/** A shared memory segment that no process uses. */
export interface Segment {
  readonly path: string;
  readonly bytes: number;
  /** Why it is certain that a dead run of ours made it. */
  readonly proof?: string | undefined;
}
