/** What a run tells about itself while it lives: the one stream that terminal, files, `ps` and other programs read. */
import type { LoadProgress } from './progress.ts';

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

/** For people: what a stop left. */
export function stoppedText({ killed, left }: StopReport): string {
  const forced = killed.length === 0 ? '' : `; ended with SIGKILL: ${killed.join(', ')}`;
  if (left.length > 0) return `NOT stopped, still there: ${left.join(', ')}`;
  return `stopped: nothing is left${forced}`;
}

/** The life of one process as a table: which state may follow which. */
export const transitions = {
  pending: ['starting', 'stopped'],
  starting: ['started', 'failed', 'stopping'],
  started: ['ready', 'failed', 'stopping'],
  ready: ['failed', 'stopping'],
  failed: ['backoff', 'stopping', 'stopped'],
  backoff: ['starting', 'stopping', 'stopped'],
  stopping: ['stopped'],
  stopped: ['starting'],
} as const satisfies Record<string, readonly string[]>;

export type ProcessState = keyof typeof transitions;

export function mayFollow(from: ProcessState, to: ProcessState): boolean {
  return (transitions[from] as readonly ProcessState[]).includes(to);
}

/** How long a process waited for others before it could be started at all. */
export interface Waited {
  /** What came last, as `prefill to be ready`. */
  readonly for: string;
  readonly ms: number;
}

/** `waited 50 s for prefill to be ready`; `undefined` where that was less than half a second, and no news. */
export function waitedText(waited: Waited | undefined): string | undefined {
  const seconds = waited === undefined ? 0 : Math.round(waited.ms / 1000);
  return waited === undefined || seconds === 0 ? undefined : `waited ${seconds} s for ${waited.for}`;
}

/** What is known about the cause of a failure; it travels in events and over the control socket. */
export interface Diagnosis {
  /** Id of the rule that saw it; docs/diagnosis.md lists them. */
  readonly rule: string;
  /** The cause in one sentence, without a full stop. */
  readonly cause: string;
  /** The lines that show it, as they stand in a log, or facts in words where no log has them. */
  readonly evidence: readonly string[];
  /** Whose log the evidence stands in; absent where it is none. */
  readonly seenIn?: string;
  readonly logFile?: string;
  /** One command or flag. */
  readonly fix: string;
  /** The check of `dynamo doctor` that looks for the same before a start. */
  readonly check?: string;
}

/** What is known of a process at a step of its life. */
export interface StepFacts {
  readonly pid?: number;
  readonly exit?: Exit;
  /** At its first start, where others had to be there before. */
  readonly waited?: Waited;
}

/** `at` is in milliseconds since the epoch. */
export type RunEvent = { readonly at: number } & (
  | ({ readonly type: 'process'; readonly process: string; readonly state: ProcessState } & StepFacts)
  | { readonly type: 'run'; readonly phase: 'starting' | 'proving' | 'stopping' }
  /** It will be ended, and what follows is as if it had ended by itself. */
  | { readonly type: 'unhealthy'; readonly process: string; readonly seen: string }
  | { readonly type: 'waiting'; readonly for: string }
  /** Something that a person should know and that changes no state. */
  | { readonly type: 'note'; readonly text: string }
  /** A process that is not ready yet has got on; not told more often than every two seconds. */
  | { readonly type: 'progress'; readonly process: string; readonly progress: LoadProgress }
  | { readonly type: 'ready'; readonly proof: Proof; readonly tookMs: number }
  | { readonly type: 'failed'; readonly reason: Failure }
  /** Why it failed, where a rule says so; comes after `failed` and before `stopped`. */
  | { readonly type: 'diagnosed'; readonly diagnosis: Diagnosis }
  | {
      readonly type: 'stopped';
      readonly killed: readonly string[];
      readonly left: readonly string[];
    }
);

/** Why a run failed, with what a person needs to see; serialisable, as it also travels to another terminal. */
export interface Failure {
  readonly code: 'process-failed' | 'not-ready' | 'internal';
  readonly message: string;
  readonly process?: string;
  readonly logFile?: string;
  readonly hint?: string;
  /** How the process ended, if that is what failed. */
  readonly exit?: Exit;
  /** It had been ready, and ended while the deployment was being proved. */
  readonly duringProof?: true;
  /** What the wait that timed out saw last. */
  readonly lastSeen?: string;
  /** What the process had to wait for before it was started. */
  readonly waited?: Waited;
  /** How far the process had got when the time was over, and how long before that. */
  readonly progress?: LoadProgress;
  readonly progressAgoMs?: number;
  readonly diagnosis?: Diagnosis;
}
