/** What the page of `dynamo ui` and its server tell each other. Both sides are of the same build. */
import type { ProofSpec, WorkerMode } from '../profile/profile.ts';
import type { Choice } from '../plan/plan.ts';
import type { Figures } from '../metrics/figures.ts';
import type { RunEvent } from '../supervisor/events.ts';
import type { Phase } from '../supervisor/status.ts';
import type { StartPhase } from '../supervisor/start-phases.ts';
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
  /** What it does before its log says anything. */
  readonly firstPhase: StartPhase;
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
  /** Its frontend writes down each request. */
  readonly recordsRequests: boolean;
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

/** Figures of one moment, by name: `ttft.p99`, `role/decode/running`, `process/decode-1/kvUsage`. See src/ui/sample.ts. */
export interface Sample {
  readonly at: number;
  readonly values: Readonly<Record<string, number>>;
  /** Names of processes by the id under which they serve: with the first sample, and when one has a new id. */
  readonly workers?: Readonly<Record<string, string>> | undefined;
}

/** One request, as far as its source tells. Workers by id, as text: it exceeds 2^53. */
export interface RequestRow {
  readonly id: string;
  /** When it was received. */
  readonly at: number;
  readonly path?: string | undefined;
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly cachedTokens?: number | undefined;
  /** Before prefill began. */
  readonly waitMs?: number | undefined;
  readonly prefillMs?: number | undefined;
  readonly ttftMs?: number | undefined;
  /** The mean between two tokens. */
  readonly itlMs?: number | undefined;
  readonly totalMs?: number | undefined;
  readonly prefillWorker?: string | undefined;
  readonly decodeWorker?: string | undefined;
  readonly outcome?: string | undefined;
  /** Its spans were received. */
  readonly traced?: boolean | undefined;
}

export interface TracedSpan {
  readonly depth: number;
  readonly name: string;
  readonly service: string;
  readonly from: number;
  readonly to: number;
  readonly attributes: Readonly<Record<string, string>>;
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
  /** `tracesPort`: where traces are received; absent if another collector has upstream's port. */
  | {
      readonly type: 'hello';
      readonly version: string;
      readonly host: string;
      readonly tracesPort?: number | undefined;
    }
  | { readonly type: 'runs'; readonly runs: readonly RunSummary[]; readonly older: number }
  | { readonly type: 'run'; readonly run: RunDetail }
  /** The run has no plan that can be read, or does not exist. */
  | { readonly type: 'no-run'; readonly runId: string; readonly why: string }
  /** `reset`: these are the first events; what came before is void. */
  | { readonly type: 'events'; readonly events: readonly RunEvent[]; readonly reset: boolean }
  | {
      readonly type: 'figures';
      readonly at: number;
      /** Of the last minute. */
      readonly figures: Figures;
      readonly usage: Readonly<Record<string, Usage>>;
      readonly sample: Sample;
    }
  /** Samples from before the page was opened. */
  | { readonly type: 'past'; readonly samples: readonly Sample[] }
  /** New rows, or known ones about which more is known. `workers`: names of processes by id, of all that were seen. */
  | {
      readonly type: 'requests';
      readonly rows: readonly RequestRow[];
      readonly workers: Readonly<Record<string, string>>;
    }
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
