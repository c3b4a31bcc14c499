/** What the supervisor needs from the world, in its own words; adapters implement it. */
import type { ExpectedInstances, Plan, Probe, ProcessSpec } from '../plan/plan.ts';
import type { LoadProgress } from './load.ts';

/** How a process ended. Exactly one of the two is set. */
export interface Exit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

export interface StopReport {
  /** Processes that had to be ended with SIGKILL, as `pid (name)`. */
  readonly killed: readonly string[];
  /** Processes that are still there after that; empty unless the kernel keeps them. */
  readonly left: readonly string[];
}

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

/** What the proving request brought back. */
export interface Proof {
  readonly request: string;
  /** The answer in words: text of a chat, size of a vector, place of an image. */
  readonly answer: string;
  readonly tookMs: number;
  /** Roles whose request counters rose, where the deployment is disaggregated. */
  readonly usedRoles: readonly string[];
  /** Of a KV router: how much of a prompt that came again was cached, in words. */
  readonly reuse?: string;
}

/** Every method waits until what it names is true, and rejects with the reason of `signal` when that aborts. */
export interface Prober {
  ready(probe: Probe, signal: AbortSignal): Promise<void>;
  /** Rejects with DynamoError `busy` when a port of the plan answers, but from a process that is not of this run. */
  listenersAreOurs(plan: Plan, pidOf: (process: string) => number | undefined): Promise<void>;
  /** One look at a process that was ready: what is wrong with it in words, or `undefined`. Never rejects. */
  check(probe: Probe, timeoutMs: number): Promise<string | undefined>;
  /** Components of which the frontend knows fewer than planned; none when it does not answer. Never rejects. */
  missing(plan: Plan, timeoutMs: number): Promise<readonly ExpectedInstances[]>;
  instances(plan: Plan, expected: readonly ExpectedInstances[], signal: AbortSignal): Promise<void>;
  modelListed(plan: Plan, signal: AbortSignal): Promise<void>;
  /** Sends the proving request and checks what the answer holds. Rejects with DynamoError `not-ready` when it is wrong. */
  serves(plan: Plan, signal: AbortSignal): Promise<Proof>;
  /** The last thing that a wait for this probe saw, or that any wait saw, for the message when it times out. */
  lastSeen(probe?: Probe): string | undefined;
}

/** For people: what a stop left. */
export function stoppedText({ killed, left }: StopReport): string {
  const forced = killed.length === 0 ? '' : `; ended with SIGKILL: ${killed.join(', ')}`;
  if (left.length > 0) return `NOT stopped, still there: ${left.join(', ')}`;
  return `stopped: nothing is left${forced}`;
}
