/** What a run tells about itself while it lives: the one stream that terminal, files, `ps` and other programs read. */
import type { Exit, Proof } from './child.ts';
import type { Diagnosis } from './diagnosis.ts';
import type { LoadProgress } from './load.ts';
import type { ProcessState } from './state.ts';
import type { Waited } from './waited.ts';

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
