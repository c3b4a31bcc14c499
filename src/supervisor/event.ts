/** What a run tells about itself while it lives: the one stream that terminal, files, `ps` and other programs read. */
import type { Exit, Proof } from './child.ts';
import type { ProcessState } from './state.ts';

/** `at` is in milliseconds since the epoch. */
export type RunEvent = { readonly at: number } & (
  | {
      readonly type: 'process';
      readonly process: string;
      readonly state: ProcessState;
      readonly pid?: number;
      readonly exit?: Exit;
    }
  | { readonly type: 'run'; readonly phase: 'starting' | 'proving' | 'stopping' }
  /** It will be ended, and what follows is as if it had ended by itself. */
  | { readonly type: 'unhealthy'; readonly process: string; readonly seen: string }
  | { readonly type: 'waiting'; readonly for: string }
  /** Something that a person should know and that changes no state. */
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'ready'; readonly proof: Proof; readonly tookMs: number }
  | { readonly type: 'failed'; readonly reason: Failure }
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
}
