/** What the supervisor needs from the world, in its own words; adapters implement it. */
import type { Clock } from '../base/clock.ts';
import type { ExpectedInstances, Plan, Probe, ProcessSpec, ServingPlan } from '../plan/plan.ts';
import type { Diagnosis, Exit, Failure, Proof, StopReport } from './events.ts';
import type { LoadProgress } from './progress.ts';

/** Handle on a started ProcessSpec. */
export interface Child {
  /** Absent for one in a container whose processes cannot be seen from here. */
  readonly pid: number | undefined;
  /** Settles when the process itself has ended; descendants may still live. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Settles with its description when a process that it cannot serve without has ended; else never. */
  readonly degraded: Promise<string>;
  /** Settles when the processes that it has started by now are known, so that their loss is noticed. Never rejects. */
  meetChildren(): Promise<void>;
  /**
   * Settles when it has answered all that it will: it listened on this TCP port at the call, does no more, and no client is
   * connected there. Never settles where that cannot be told, nor once `ended` aborts.
   */
  drained(port: number, ended: AbortSignal): Promise<void>;
  /**
   * SIGTERM to the process itself, which ends what it started when it has finished its work; to what outlives it, SIGTERM,
   * too; SIGKILL to all that is left after `graceMs`; verified twice.
   */
  stop(graceMs: number): Promise<StopReport>;
  /** Makes a stop that is under way, or the next one, go to SIGKILL now. */
  kill(): void;
}

/** What a launch that takes long needs. */
export interface LaunchWatch {
  /** An image that is being fetched has got on. */
  readonly onProgress: (progress: LoadProgress) => void;
  /** Aborts when the start is not wanted any more. */
  readonly signal: AbortSignal;
}

export interface Launcher {
  launch(spec: ProcessSpec, watch: LaunchWatch): Promise<Child>;
}

/** Every method waits until what it names is true, and rejects with the reason of `signal` when that aborts. */
export interface Prober {
  ready(probe: Probe, signal: AbortSignal): Promise<void>;
  /** Rejects with DynamoError `busy` when a port of the plan answers, but from a process that is not of this run. */
  listenersAreOurs(plan: Plan, pidOf: (process: string) => number | undefined): Promise<void>;
  /** One look at a process that was ready: what is wrong with it in words, or `undefined`. Never rejects. */
  check(probe: Probe, timeoutMs: number): Promise<string | undefined>;
  /** Components of which the frontend knows fewer than planned; none when it does not answer. Never rejects. */
  missing(plan: ServingPlan, timeoutMs: number): Promise<readonly ExpectedInstances[]>;
  instances(plan: ServingPlan, expected: readonly ExpectedInstances[], signal: AbortSignal): Promise<void>;
  modelListed(plan: ServingPlan, signal: AbortSignal): Promise<void>;
  /** Sends the proving request and checks what the answer holds. Rejects with DynamoError `not-ready` when it is wrong. */
  serves(plan: Plan, signal: AbortSignal): Promise<Proof>;
  /** The last thing that a wait for this probe saw, or that any wait saw, for the message when it times out. */
  lastSeen(probe?: Probe): string | undefined;
}

/** Tells about progress as long as a process is not ready; an adapter reads its log and the cache of models. */
export interface LoadWatcher {
  /** Calls `onProgress` only when the process has got on; the function that it returns ends the watch. */
  watch(process: string, onProgress: (progress: LoadProgress) => void): () => void;
}

/** What a supervision is given from outside: everything in it that is not a decision. */
export interface World {
  readonly launcher: Launcher;
  readonly prober: Prober;
  readonly clock: Clock;
  /** From [0, 1), for jitter. */
  readonly random: () => number;
  readonly loads: LoadWatcher;
  /** The cause of a failure, where logs and host say it. Asked once, at the failure; never rejects. */
  readonly diagnose: (failure: Failure) => Promise<Diagnosis | undefined>;
}
