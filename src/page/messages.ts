/** What the page of `dynamo ui` and its server tell each other. Both sides are of the same build. */
import type { ProofSpec, WorkerMode } from '../profile/profile.ts';
import type { Choice } from '../plan/plan.ts';
import type { RunEvent } from '../supervisor/events.ts';
import type { Phase } from '../supervisor/status.ts';
import type { ProcessAction } from '../supervisor/process-action.ts';

/** `orphaned`: its supervisor is dead and processes are left. `unreadable`: its records are damaged. */
export type RunState = Phase | 'orphaned' | 'unreadable';

/** One line in the list of runs. Times are in milliseconds since the epoch. */
export interface RunSummary {
  readonly runId: string;
  readonly name: string;
  readonly profile: string;
  readonly engine: string;
  readonly state: RunState;
  readonly startedAt: number;
  readonly endedAt?: number | undefined;
  /** Its supervisor is running. */
  readonly supervised: boolean;
  /** What is wrong with its supervisor, and the command that helps. */
  readonly trouble?: string | undefined;
}

export interface ProcessDetail {
  readonly name: string;
  readonly kind: 'frontend' | 'worker' | 'infra';
  readonly component: string;
  readonly mode?: WorkerMode | undefined;
  readonly ports: Readonly<Record<string, number>>;
  /** Index, or UUID where the index is unknown. */
  readonly gpus: readonly string[];
  readonly dependsOn: readonly { readonly process: string; readonly condition: string }[];
  readonly restarts: string;
  readonly ifLost?: string | undefined;
  readonly logFile: string;
  /** Its command line, without secrets. */
  readonly command: string;
}

/** What does not change during a run: from its plan. */
export interface RunDetail {
  readonly runId: string;
  readonly name: string;
  readonly profile: string;
  readonly description: string;
  readonly engine: string;
  readonly model?: string | undefined;
  readonly url: string;
  /** What kind of request it answers; absent where it has no frontend. */
  readonly serves?: ProofSpec['request'] | undefined;
  readonly router?: string | undefined;
  readonly startedAt: number;
  readonly detached: boolean;
  readonly version: string;
  readonly folder: string;
  readonly processes: readonly ProcessDetail[];
  readonly choices: readonly Choice[];
}

export interface Usage {
  /** Of one processor. */
  readonly cpuPercent: number;
  readonly memoryBytes: number;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'none';

export interface LogLine {
  readonly process: string;
  /** From the line itself, or that of the line before it. */
  readonly at?: number | undefined;
  readonly level: LogLevel;
  readonly text: string;
}

/** From the server to the page, one a server-sent event. */
export type Message =
  | { readonly type: 'hello'; readonly version: string; readonly host: string }
  | { readonly type: 'runs'; readonly runs: readonly RunSummary[]; readonly older: number }
  | { readonly type: 'run'; readonly run: RunDetail }
  /** The run has no plan that can be read, or does not exist. */
  | { readonly type: 'no-run'; readonly runId: string; readonly why: string }
  /** `reset`: these are the first events; what came before is void. */
  | { readonly type: 'events'; readonly events: readonly RunEvent[]; readonly reset: boolean }
  | { readonly type: 'usage'; readonly at: number; readonly usage: Readonly<Record<string, Usage>> }
  /** `skipped`: lines that came too fast to be shown. */
  | {
      readonly type: 'logs';
      readonly lines: readonly LogLine[];
      readonly skipped: number;
      readonly reset: boolean;
    };

/** From the page to the server: bodies of POST requests. */
export interface ActRequest {
  readonly run: string;
  readonly process: string;
  readonly action: ProcessAction;
}

export interface DownRequest {
  readonly run: string;
}

export const tryKinds = ['chat', 'embedding', 'image', 'video'] as const;
export type TryKind = (typeof tryKinds)[number];

export interface TryRequest {
  readonly run: string;
  readonly kind: TryKind;
  /** Merged with the name of the model. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** What a refused or failed request answers. */
export interface Refusal {
  readonly error: string;
  readonly hint?: string | undefined;
}
