/** Says of a run that has ended why it failed, as its events tell. */
import { readEvents, readPlan, type StoredRun } from '../../run/record.ts';
import type { Failure } from '../../supervisor/events.ts';
import { failureLines, failureSoFar } from '../../deployment/failure-error.ts';

export function failureOfEnded({ files, supervised }: StoredRun): Failure | undefined {
  if (supervised || readPlan(files) === undefined) return undefined;
  return readEvents(files).reduce<Failure | undefined>(failureSoFar, undefined);
}

/** On stderr, so that what is asked for stays alone on stdout. */
export function sayFailure(run: StoredRun): void {
  const failure = failureOfEnded(run);
  if (failure === undefined) return;
  const [first = '', ...rest] = failureLines(failure);
  process.stderr.write([`${run.record.runId} ${first}`, ...rest, ''].join('\n'));
}
