/** The result of a smoke case, and how a case says that an answer is wrong or that it cannot decide. */

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
  /** The profile, with ` #2` behind it when it is repeated. */
  readonly name: string;
  readonly engine: string | undefined;
  readonly model: string | undefined;
  readonly url: string | undefined;
  readonly runId: string | undefined;
  /** ISO 8601 in UTC. */
  readonly startedAt: string;
  readonly tookMs: number;
  readonly cases: readonly CaseResult[];
  /** The ends of the logs of every process. */
  readonly logs: readonly CapturedLog[];
}

export function countOf({ cases }: SuiteResult, state: CaseResult['state']): number {
  return cases.filter((each) => each.state === state).length;
}

/** `wrong`: the deployment answered what it must not. `open`: nothing was shown either way. */
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

/** For what this model or version cannot show, without being at fault. */
export function leaveOpen(message: string): never {
  throw new CaseError('open', message);
}
