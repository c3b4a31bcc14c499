/** The events of a run: the one stream that the terminal, the files on disk, `ps` and other programs read. */
import type { ErrorCode, ErrorFields, LostChild, Standstill } from '../base/error.ts';
import type { LoadProgress } from './progress.ts';

/** How a process ended. Exactly one of the two is set. */
export interface Exit {
  readonly code: number | undefined;
  readonly signal: string | undefined;
}

export interface StopReport {
  /** Processes that had to be killed with SIGKILL, as `pid (name)`. */
  readonly killed: readonly string[];
  /** Processes that are still running after that; empty unless the kernel cannot end them. */
  readonly left: readonly string[];
}

/** The result of the proving request. */
export interface Proof {
  readonly request: string;
  /** The answer, for people: text of a chat, size of a vector, path of an image. */
  readonly answer: string;
  readonly tookMs: number;
  /** Roles whose request counters increased, if the deployment is disaggregated. */
  readonly usedRoles: readonly string[];
  /** With a KV router: how much of a repeated prompt was cached, for people. */
  readonly reuse?: string;
}

/** For people: the result of a stop. */
export function stoppedText({ killed, left }: StopReport): string {
  const forced = killed.length === 0 ? '' : `; killed: ${killed.join(', ')}`;
  if (left.length > 0) return `NOT stopped, still running: ${left.join(', ')}`;
  return `stopped: nothing is left${forced}`;
}

/** For people: what joined or left the run. */
export function changedText({
  added,
  removed,
}: {
  added: readonly string[];
  removed: readonly string[];
}): string {
  const parts = [
    ...(added.length === 0 ? [] : [`added ${added.join(', ')}`]),
    ...(removed.length === 0 ? [] : [`removed ${removed.join(', ')}`]),
  ];
  return parts.join('; ');
}

/** For people. */
export function decisionText({ outcome, wants, why }: Extract<RunEvent, { type: 'decision' }>): string {
  switch (outcome) {
    case 'taken':
      return `the planner wants ${wants} (${why})`;
    case 'done':
      return `the planner has ${wants} ${why}`;
    case 'refused':
      return `the planner wants ${wants}, which is refused: ${why}`;
  }
}

/** The states of a process: which state may follow which. */
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

/** How long a process waited for others before it could be started. */
export interface Waited {
  /** The last condition to be met, such as `prefill to be ready`. */
  readonly for: string;
  readonly ms: number;
}

/** `waited 50 s for prefill to be ready`; `undefined` if that was less than half a second. */
export function waitedText(waited: Waited | undefined): string | undefined {
  const seconds = waited === undefined ? 0 : Math.round(waited.ms / 1000);
  return waited === undefined || seconds === 0 ? undefined : `waited ${seconds} s for ${waited.for}`;
}

/** The diagnosed cause of a failure; part of events and of replies on the control socket. */
export interface Diagnosis {
  /** Id of the rule that matched; docs/diagnosis.md lists them. */
  readonly rule: string;
  /** The cause in one sentence, without a full stop. */
  readonly cause: string;
  /** The log lines that show it, or facts in words if no log has them. */
  readonly evidence: readonly string[];
  /** The process whose log holds the evidence; absent if it is not from a log. */
  readonly seenIn?: string;
  readonly logFile?: string;
  /** One command or flag. */
  readonly fix: string;
  /** The check of `dynamo doctor` that finds the same problem before a start. */
  readonly check?: string;
}

/** What is known about a process when its state changes. */
export interface StepFacts {
  readonly pid?: number;
  readonly exit?: Exit;
  /** At its first start, if it had to wait for others. */
  readonly waited?: Waited;
}

/** `at` is in milliseconds since the epoch. */
export type RunEvent = { readonly at: number } & (
  | ({ readonly type: 'process'; readonly process: string; readonly state: ProcessState } & StepFacts)
  | { readonly type: 'run'; readonly phase: 'starting' | 'proving' | 'stopping' }
  /** It will be stopped; what follows is the same as if it had exited. */
  | {
      readonly type: 'unhealthy';
      readonly process: string;
      readonly seen: string;
      readonly lostChild?: LostChild;
      readonly standstill?: Standstill;
    }
  | { readonly type: 'waiting'; readonly for: string }
  /** The run has these processes more and those fewer; its plan on disk says so already. */
  | { readonly type: 'changed'; readonly added: readonly string[]; readonly removed: readonly string[] }
  /** NVIDIA's planner wants other numbers of workers, such as `decode=2`: that is being done, is done, or is not. */
  | {
      readonly type: 'decision';
      readonly outcome: 'taken' | 'done' | 'refused';
      readonly wants: string;
      readonly why: string;
    }
  /** Information for people that changes no state. */
  | { readonly type: 'note'; readonly text: string }
  /** A process that is not ready yet made progress; at most one event every two seconds. */
  | { readonly type: 'progress'; readonly process: string; readonly progress: LoadProgress }
  | { readonly type: 'ready'; readonly proof: Proof; readonly tookMs: number }
  | { readonly type: 'failed'; readonly reason: Failure }
  /** Why it failed, if a rule matched; comes after `failed` and before `stopped`. */
  | { readonly type: 'diagnosed'; readonly diagnosis: Diagnosis }
  | {
      readonly type: 'stopped';
      readonly killed: readonly string[];
      readonly left: readonly string[];
    }
);

/** Why a run failed, with everything a person needs to see. Serialisable: other terminals receive it too. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly process?: string;
  readonly logFile?: string;
  readonly hint?: string;
  /** How the process ended, if its exit was the failure. */
  readonly exit?: Exit;
  /** It had been ready, and ended while the deployment was being proved. */
  readonly duringProof?: true;
  /** What the last check before the timeout saw. */
  readonly lastSeen?: string;
  /** What the process had to wait for before it was started. */
  readonly waited?: Waited;
  /** The last progress before the timeout, and how long before. */
  readonly progress?: LoadProgress;
  readonly progressAgoMs?: number;
  readonly diagnosis?: Diagnosis;
  /** What else is known, for programs. Absent in records of older versions. */
  readonly fields?: ErrorFields;
}
