/** The result of a smoke case, and the errors with which a case fails or is skipped. */

export interface CaseResult {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly tookMs: number;
  /** What was seen, or what was wrong. */
  readonly text: string;
}

export interface CapturedLog {
  readonly process: string;
  readonly text: string;
}

export interface SuiteResult {
  /** The profile, with ` #2` appended when it is repeated. */
  readonly name: string;
  readonly engine: string | undefined;
  readonly model: string | undefined;
  readonly url: string | undefined;
  readonly runId: string | undefined;
  /** ISO 8601 in UTC. */
  readonly startedAt: string;
  readonly tookMs: number;
  readonly cases: readonly CaseResult[];
  /** The last part of the log of every process. */
  readonly logs: readonly CapturedLog[];
}

export function countOf({ cases }: SuiteResult, state: CaseResult['state']): number {
  return cases.filter((each) => each.state === state).length;
}

/** `wrong`: the deployment gave a wrong answer. `open`: the case could not decide. */
export class CaseError extends Error {
  readonly verdict: 'wrong' | 'open';

  constructor(verdict: 'wrong' | 'open', message: string) {
    super(message);
    this.verdict = verdict;
  }
}

export function wrong(message: string): never {
  throw new CaseError('wrong', message);
}

/** For what this model or version cannot show, although it is not a fault. */
export function leaveOpen(message: string): never {
  throw new CaseError('open', message);
}
