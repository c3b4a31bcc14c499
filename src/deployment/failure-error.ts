/** Turns a failed run into an error for people: the cause if it is known, otherwise the last log lines. */
import { DynamoError, type ErrorFields } from '../base/error.ts';
import { logTail } from '../run/log-file.ts';
import type { Diagnosis, Failure, RunEvent } from '../supervisor/events.ts';

const shownLines = 20;

/** The failure after this event, including its diagnosis. */
export function failureSoFar(failure: Failure | undefined, event: RunEvent): Failure | undefined {
  if (event.type === 'failed') return event.reason;
  if (event.type === 'diagnosed' && failure !== undefined) {
    return { ...failure, diagnosis: event.diagnosis };
  }
  return failure;
}

export function failureError(failure: Failure, runId: string): DynamoError {
  const { diagnosis } = failure;
  const fields = { runId, ...fieldsOf(failure) };
  if (diagnosis !== undefined) return explainedError(failure, diagnosis, fields);
  return new DynamoError(failure.code, `${stopped(failure)}.`, {
    details: lastLines(failure),
    hint: failure.hint ?? `dynamo logs --run ${runId}`,
    fields,
  });
}

/** The values in the message of a failure. */
function fieldsOf({ process: name, exit, logFile, diagnosis, fields }: Failure): ErrorFields {
  return {
    ...(name === undefined ? {} : { process: name }),
    ...(exit?.code === undefined ? {} : { exitCode: exit.code }),
    ...(exit?.signal === undefined ? {} : { signal: exit.signal }),
    ...(logFile === undefined ? {} : { logFile }),
    ...(diagnosis === undefined ? {} : { rule: diagnosis.rule }),
    ...fields,
  };
}

/** What happened, then the evidence. */
function explainedError(failure: Failure, diagnosis: Diagnosis, fields: ErrorFields): DynamoError {
  const { cause, evidence, fix, rule, check, seenIn } = diagnosis;
  const logFile = diagnosis.logFile ?? failure.logFile;
  const details = [
    stopped(failure),
    ...(evidence.length === 0 ? [] : [seenIn === undefined ? 'seen:' : `seen in the log of ${seenIn}:`]),
    ...evidence.map((line) => `  ${line}`),
    ...(logFile === undefined ? [] : [`log: ${logFile}`]),
    `rule: ${rule}${check === undefined ? '' : `; dynamo doctor checks for it before a start (${check})`}`,
  ];
  return new DynamoError(failure.code, `${capitalised(cause)}.`, { details, hint: fix, fields });
}

function stopped({ message }: Failure): string {
  return `${message.replace(/\.$/, '')}; the rest of the run was stopped`;
}

/** For `ps`, `logs` and `down`: one line about the failure, and one with the fix. */
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

/** Capitalises ordinary words, but not names of processes, variables or flags. */
function capitalised(cause: string): string {
  return /^(the|a|an|no|somebody|workers|frontend|another|waiting)\b/.test(cause)
    ? `${cause.charAt(0).toUpperCase()}${cause.slice(1)}`
    : cause;
}

export function leftBehindError(left: readonly string[]): DynamoError {
  return new DynamoError('left-behind', `${left.length} processes are still running after SIGKILL.`, {
    details: left.map((each) => `  ${each}`),
    fields: { left },
    hint: 'ps -o pid,stat,wchan,args   # they are stuck in the kernel; this shows where',
  });
}
