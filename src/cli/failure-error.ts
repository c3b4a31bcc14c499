/** Turns a failed run into the error that a person reads: who, how, the last lines, where the rest is. */
import { DynamoError } from '../base/error.ts';
import { logTail } from '../run/log-tail.ts';
import type { Failure } from '../supervisor/event.ts';

const shownLines = 20;

export function failureError(failure: Failure, runId: string): DynamoError {
  const { logFile, process: name } = failure;
  const tail = logFile === undefined ? undefined : logTail(logFile, shownLines);
  const lines = [...(tail?.lines ?? []), ...(tail?.partial === undefined ? [] : [tail.partial])];
  const details =
    logFile === undefined
      ? []
      : [
          ...(lines.length === 0
            ? [`${name} wrote nothing to its log`]
            : [`last ${lines.length} lines of ${name}:`, ...lines.map((line) => `  ${line}`)]),
          `log: ${logFile}`,
        ];
  return new DynamoError(failure.code, `${failure.message}; the rest of the run was stopped.`, {
    details,
    hint: failure.hint ?? `dynamo logs --run ${runId}`,
  });
}

export function leftBehindError(left: readonly string[]): DynamoError {
  return new DynamoError('left-behind', `${left.length} processes are still there after SIGKILL.`, {
    details: left.map((each) => `  ${each}`),
    hint: 'they are stuck in the kernel; see their state in `ps -o pid,stat,wchan,args`',
  });
}
