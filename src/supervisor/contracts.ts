/** The interfaces that the supervisor depends on; adapters implement them. */
import type { Clock } from '../base/clock.ts';
import type { ErrorFields, LostChild } from '../base/error.ts';
import type { ExpectedInstances, Plan, Probe, ProcessSpec, ServingPlan } from '../plan/plan.ts';
import type { Diagnosis, Exit, Failure, Proof, StopReport } from './events.ts';
import type { LoadProgress } from './progress.ts';

/** A process that was started from a ProcessSpec. */
export interface Child {
  /** Absent for a container whose processes are not visible from here. */
  readonly pid: number | undefined;
  /** Settles when the process itself has ended; descendants may still be running. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Settles with the child process that it cannot serve without when that has ended; else never. */
  readonly degraded: Promise<LostChild>;
  /** Settles when the children that it has started by now are tracked, so that their loss is noticed. Never rejects. */
  trackChildren(): Promise<void>;
  /** Those that `degraded` is about and that are running; none where they are not visible from here. */
  vitalChildren(): readonly VitalChild[];
  /**
   * Settles when it has answered its last request: it listened on this TCP port when this was called, has stopped
   * listening, and no client is connected. Never settles if that cannot be determined, or once `ended` aborts.
   */
  drained(port: number, ended: AbortSignal): Promise<void>;
  /**
   * Sends SIGTERM to the process itself, which stops its children when it has finished its work, then SIGTERM to what
   * outlives it, and after `graceMs` SIGKILL to what is left. Verifies twice that nothing is.
   */
  stop(graceMs: number): Promise<StopReport>;
  /** Makes a stop in progress, or the next one, send SIGKILL now. */
  kill(): void;
}

/** How a launch that takes long reports progress, and is cancelled. */
export interface LaunchWatch {
  /** The pull of an image made progress. */
  readonly onProgress: (progress: LoadProgress) => void;
  /** Aborts when the start is cancelled. */
  readonly signal: AbortSignal;
}

export interface Launcher {
  launch(spec: ProcessSpec, watch: LaunchWatch): Promise<Child>;
}

/** Whether single processes work. */
export interface Prober {
  /**
   * Settles when the process is ready. Rejects with the reason of `signal` when that aborts. `soon` aborts when the process says
   * that it is about to be ready: then it is asked often, as at first.
   */
  ready(probe: Probe, signal: AbortSignal, soon?: AbortSignal): Promise<void>;
  /** One liveness check of a process: what is wrong with it in words, or `undefined`. Never rejects. */
  check(probe: Probe, timeoutMs: number): Promise<string | undefined>;
  /** Components of which the frontend knows fewer than planned; none when it does not answer. Never rejects. */
  missing(plan: ServingPlan, timeoutMs: number): Promise<readonly ExpectedInstances[]>;
  /** What a wait for this probe saw last, or what any wait saw last: for the message of a timeout. */
  lastSeen(probe?: Probe): Sight | undefined;
}

/** What a check saw instead of what it waits for. */
export interface Sight {
  /** In words. */
  readonly text: string;
  readonly fields?: ErrorFields<'not-ready'>;
}

/** Whether the deployment as a whole serves. The waits reject with the reason of `signal` when that aborts. */
export interface Proving {
  /** Rejects with DynamoError `busy` when a process that is not of this run listens on a port of the plan. */
  listenersAreOurs(plan: Plan, pidOf: (process: string) => number | undefined): Promise<void>;
  /** Settles when the frontend knows all these instances. */
  instances(plan: ServingPlan, expected: readonly ExpectedInstances[], signal: AbortSignal): Promise<void>;
  modelListed(plan: ServingPlan, signal: AbortSignal): Promise<void>;
  /** Sends the proving request and checks the answer. Rejects with DynamoError `not-ready` when it is wrong. */
  serves(plan: Plan, signal: AbortSignal): Promise<Proof>;
}

/** What a worker shows of its work. */
export interface WorkSigns {
  /** Requests that it has received and not answered completely. */
  readonly inFlight: number;
  /** How many of them wait for a worker of another role, as its engine last counted. */
  readonly waiting: number;
  /** Differs from the one before after each token, finished request or step of the scheduler; never changes by itself. */
  readonly work: string;
  /** It has sent at least a part of an answer in this life. */
  readonly hasAnswered: boolean;
  /** The least time in which the frontend saw it compute a prompt and write tokens, and so what silence is normal. */
  readonly expectedMs?: number;
}

/** A child process that a worker cannot serve without. */
export interface VitalChild {
  readonly name: string;
  readonly pid: number;
  /** By a signal or a debugger. */
  readonly suspended: boolean;
  /** Time on a processor so far. */
  readonly cpuMs: number;
}

/** What came of a small request of our own. */
export type Asked =
  /** The worker shows work since. */
  | { readonly found: 'works' }
  /** It received the request and showed no work for so long. */
  | { readonly found: 'silent'; readonly ms: number }
  /** No request of ours could be got to it. */
  | { readonly found: 'not-reached'; readonly seen: string };

/** Whether workers do what they are asked for, besides answering health checks. */
export interface WorkProber {
  /** By process; one that does not answer is absent. `undefined` when no client waits for anything. Never rejects. */
  signs(specs: readonly ProcessSpec[]): Promise<ReadonlyMap<string, WorkSigns> | undefined>;
  /** Whether its log says that it compiles or loads since it last showed work. */
  compiles(spec: ProcessSpec): boolean;
  /** Sends a request to this worker and watches it for `timeoutMs`. Never rejects. */
  ask(spec: ProcessSpec, timeoutMs: number, signal: AbortSignal): Promise<Asked>;
}

/** Reports progress until a process is ready; an adapter reads its log and the model cache. */
export interface LoadWatcher {
  /** Calls `onProgress` only when there is progress; the function that it returns ends the watch. */
  watch(process: string, onProgress: (progress: LoadProgress) => void): () => void;
}

/** Another rank of a worker, as its host last said. */
export interface PeerRank {
  readonly rank: number;
  readonly address: string;
  /** Differs between two lives of its process. */
  readonly life: string;
  readonly state: string;
}

/** Everything that a supervision takes from outside. */
export interface Dependencies {
  readonly launcher: Launcher;
  readonly prober: Prober;
  readonly proving: Proving;
  readonly clock: Clock;
  /** From [0, 1), for jitter. */
  readonly random: () => number;
  readonly loads: LoadWatcher;
  /** The other ranks of the worker in this process; `undefined` when etcd does not say. Absent on one host. */
  readonly peers?: (process: string) => Promise<readonly PeerRank[] | undefined>;
  /**
   * Takes a worker out of discovery, so that the frontend sends it no more requests, while those that it has go on. Settles
   * when the frontend has noticed, after some seconds, or once `until` aborts. Never rejects.
   */
  readonly leaveDiscovery: (plan: ServingPlan, spec: ProcessSpec, until: AbortSignal) => Promise<void>;
  /** Loaded once the deployment serves; absent where no request can be sent to it. */
  readonly work?: () => Promise<WorkProber>;
  /** The cause of a failure, if logs or host show it. Called once, at the failure; never rejects. */
  readonly diagnose: (failure: Failure) => Promise<Diagnosis | undefined>;
}
