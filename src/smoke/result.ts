/** What a smoke found out: one suite a profile, one result a case. Serialisable: it is what `--json` prints. */
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
