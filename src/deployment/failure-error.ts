/** Turns a failed run into the error that a person reads: the cause where it is known, else the last lines. */
import { DynamoError } from '../base/error.ts';
import { logTail } from '../run/log-file.ts';
import type { Diagnosis, Failure, RunEvent } from '../supervisor/events.ts';

const shownLines = 20;

/** Reads the failure from events as they come: what was diagnosed belongs to it. */
export function failureSoFar(failure: Failure | undefined, event: RunEvent): Failure | undefined {
  if (event.type === 'failed') return event.reason;
  if (event.type === 'diagnosed' && failure !== undefined) {
    return { ...failure, diagnosis: event.diagnosis };
  }
  return failure;
}

export function failureError(failure: Failure, runId: string): DynamoError {
  const { diagnosis } = failure;
  if (diagnosis !== undefined) return explainedError(failure, diagnosis);
  return new DynamoError(failure.code, `${stopped(failure)}.`, {
    details: lastLines(failure),
    hint: failure.hint ?? `dynamo logs --run ${runId}`,
  });
}

/** What happened, then what shows it. */
function explainedError(failure: Failure, diagnosis: Diagnosis): DynamoError {
  const { cause, evidence, fix, rule, check, seenIn } = diagnosis;
  const logFile = diagnosis.logFile ?? failure.logFile;
  const details = [
    stopped(failure),
    ...(evidence.length === 0 ? [] : [seenIn === undefined ? 'seen:' : `seen in the log of ${seenIn}:`]),
    ...evidence.map((line) => `  ${line}`),
    ...(logFile === undefined ? [] : [`log: ${logFile}`]),
    `rule: ${rule}${check === undefined ? '' : `; before a start, dynamo doctor looks for it as ${check}`}`,
  ];
  return new DynamoError(failure.code, `${capitalised(cause)}.`, { details, hint: fix });
}

function stopped({ message }: Failure): string {
  return `${message.replace(/\.$/, '')}; the rest of the run was stopped`;
}

/** One line about a run that failed, and one with what to do, for `ps`, `logs` and `down`. */
export function failureLines({ message, hint, diagnosis }: Failure): string[] {
  const fix = diagnosis?.fix ?? hint;
  return [
    `failed: ${diagnosis?.cause ?? message}${diagnosis === undefined ? '' : ` (${diagnosis.rule})`}`,
    ...(fix === undefined ? [] : [`fix: ${fix}`]),
  ];
}

function lastLines({ logFile, process: name }: Failure): string[] {
  if (logFile === undefined) return [];
  const { lines: whole, partial } = logTail(logFile, shownLines);
  const lines = [...whole, ...(partial === undefined ? [] : [partial])];
  return [
    ...(lines.length === 0
      ? [`${name} wrote nothing to its log`]
      : [`last ${lines.length} lines of ${name}:`, ...lines.map((line) => `  ${line}`)]),
    `log: ${logFile}`,
  ];
}

/** Not names of processes, variables or flags: those stand as they are written. */
function capitalised(cause: string): string {
  return /^(the|a|an|no|somebody|workers|frontend|another|waiting)\b/.test(cause)
    ? `${cause.charAt(0).toUpperCase()}${cause.slice(1)}`
    : cause;
}

export function leftBehindError(left: readonly string[]): DynamoError {
  return new DynamoError('left-behind', `${left.length} processes are still there after SIGKILL.`, {
    details: left.map((each) => `  ${each}`),
    hint: 'they are stuck in the kernel; see their state in `ps -o pid,stat,wchan,args`',
  });
}
