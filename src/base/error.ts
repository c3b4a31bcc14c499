/** The one error class that users see: what failed, what was seen, one command to run, and the exit code. */

/** Every way in which a command can fail, and its exit code (from sysexits.h where one fits). */
export const exitCodes = {
  'process-failed': 1,
  'left-behind': 1,
  usage: 64,
  'profile-invalid': 65,
  'profile-not-found': 66,
  'run-not-found': 66,
  unavailable: 69,
  'not-ready': 69,
  internal: 70,
  'cannot-write': 73,
  busy: 75,
  'not-allowed': 77,
  environment: 78,
} as const;

export type ErrorCode = keyof typeof exitCodes;

export interface ErrorDetail {
  /** One command or edit that fixes it, ready to paste. */
  readonly hint?: string | undefined;
  /** Further lines, shown below the message unchanged: code frames, log tails, tables. */
  readonly details?: readonly string[] | undefined;
  /** The request can never be met on this host with this engine, whatever is stopped or freed. */
  readonly impossible?: boolean | undefined;
  readonly cause?: unknown;
}

export class DynamoError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: readonly string[];
  readonly impossible: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    { hint, details = [], impossible = false, cause }: ErrorDetail = {},
  ) {
    super(message, { cause });
    this.name = 'DynamoError';
    this.code = code;
    this.hint = hint;
    this.details = details;
    this.impossible = impossible;
  }

  get exitCode(): number {
    return exitCodes[this.code];
  }
}
