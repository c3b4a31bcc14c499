/** What travels over the control socket: one JSON object a line, each way. Documented in docs/control-protocol.md. */
import type { ErrorCode } from '../base/error.ts';
import type { RunEvent } from '../supervisor/events.ts';
import type { RunStatus } from '../supervisor/status.ts';
import type { ProcessAction } from '../supervisor/process-action.ts';

/** Raised when a request or reply changes its meaning; both sides refuse another one by name. */
export const protocolVersion = 1;

export type ControlRequest = {
  readonly protocol: number;
  /**
   * Not to be met later than this, in milliseconds of `monotonicMs`. A supervisor that stood still finds requests whose
   * sender gave up long ago.
   */
  readonly until?: number;
} & (
  | { readonly ask: 'status' }
  /** Every event so far, then each as it comes, until the run has ended. */
  | { readonly ask: 'events' }
  | { readonly ask: 'stop'; readonly now: boolean }
  /** One process; answered when it is ready or gone. */
  | { readonly ask: 'act'; readonly action: ProcessAction; readonly process: string }
);

export type ControlReply =
  | { readonly status: RunStatus }
  | { readonly event: RunEvent }
  | { readonly accepted: true }
  /** `code` where the request was understood but cannot be met. */
  | { readonly error: string; readonly code?: ErrorCode };

/** Of a request and of a reply, without the line end. */
export const longestLineBytes = 1024 * 1024;

/** The kernel's clock since boot: the same for all processes, and nobody sets it. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
