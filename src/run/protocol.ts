/** The messages on the control socket: one JSON object per line, in both directions. See docs/control-protocol.md. */
import type { ErrorCode, ErrorFields } from '../base/error.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { RunEvent } from '../supervisor/events.ts';
import type { RunStatus } from '../supervisor/status.ts';
import type { AnyAction } from '../supervisor/process-action.ts';

/** Incremented when a request or reply changes its meaning; both sides refuse other versions. */
export const protocolVersion = 1;

export type ControlRequest = {
  readonly protocol: number;
  /**
   * The request expires at this time of `monotonicMs`. A supervisor that was suspended finds requests whose sender gave up
   * long ago.
   */
  readonly until?: number;
} & (
  | { readonly ask: 'status' }
  /** Every event so far, then each new one, until the run has ended. */
  | { readonly ask: 'events' }
  | { readonly ask: 'stop'; readonly now: boolean }
  /** Acts on one process; answered when it is ready or gone. */
  | { readonly ask: 'act'; readonly action: AnyAction; readonly process: string }
  /** The wanted number of workers by component; answered when all of that is done. */
  | { readonly ask: 'scale'; readonly replicas: Readonly<Record<string, number>> }
  /** One worker after the other gets a new one in its place, like the template of its component. */
  | ({ readonly ask: 'replace' } & Replacement)
);

export interface Replacement {
  readonly names: readonly string[];
  /** By component. */
  readonly templates: Readonly<Record<string, ProcessSpec>>;
  /** What the templates hide. */
  readonly secrets: Readonly<Record<string, string>>;
  /** How long each new worker may take to become ready, if that is not as for the run. */
  readonly startWithinMs?: number;
}

/** What a change of a run has done. */
export interface ChangeReport {
  readonly added: readonly AddedProcess[];
  readonly removed: readonly string[];
  /** Workers now, by component. */
  readonly replicas: Readonly<Record<string, number>>;
  readonly tookMs: number;
}

export interface AddedProcess {
  readonly name: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly gpus: readonly string[];
}

export type ControlReply =
  | { readonly status: RunStatus }
  | { readonly event: RunEvent }
  | { readonly accepted: true }
  | { readonly changed: ChangeReport }
  /** `code`: if the request was understood but cannot be met. */
  | {
      readonly error: string;
      readonly code?: ErrorCode;
      readonly fields?: ErrorFields;
      /** Further lines for people, and one command. Absent in replies of older versions. */
      readonly details?: readonly string[];
      readonly hint?: string;
    };

/** Maximum length of a request or a reply, without the line end. */
export const longestLineBytes = 1024 * 1024;

/** The kernel's clock since boot: the same for all processes, and never adjusted. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
