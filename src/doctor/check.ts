/** What a check of `dynamo doctor` is, and what it can say. */
import type { HostView } from './host-view.ts';

/** `skip`: it could not be made here, or there is nothing that it applies to; never a silent `ok`. */
export type Status = 'ok' | 'warn' | 'fail' | 'skip';

export interface Finding {
  readonly status: Status;
  /** What was seen, with its values; for `skip` why nothing could be seen. One line. */
  readonly evidence: string;
  /** Further lines, shown with --verbose and for what is not ok. */
  readonly details: readonly string[];
  /** One command or edit. Always there for `warn` and `fail`. */
  readonly fix?: string;
}

export interface Check {
  /** Never changes its meaning: scripts and bug reports name it. */
  readonly id: `D${number}`;
  readonly name: string;
  /** What holds when it is ok. */
  readonly title: string;
  /** The worst that it says. */
  readonly severity: 'warn' | 'fail';
  /** Reads only. May throw: then it was not made. */
  look(host: HostView): Promise<Finding> | Finding;
  /** Repairs what is safe to repair without asking, and says what it did, one line each. */
  repair?(host: HostView): Promise<readonly string[]>;
}

export function ok(evidence: string, details: readonly string[] = []): Finding {
  return { status: 'ok', evidence, details };
}

export function warn(evidence: string, fix: string, details: readonly string[] = []): Finding {
  return { status: 'warn', evidence, details, fix };
}

export function fail(evidence: string, fix: string, details: readonly string[] = []): Finding {
  return { status: 'fail', evidence, details, fix };
}

export function skip(why: string): Finding {
  return { status: 'skip', evidence: why, details: [] };
}
