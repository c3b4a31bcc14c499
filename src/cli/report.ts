/** Shows what went wrong and says which exit code it means. */
import { tmpdir } from 'node:os';
import type { Environment } from '../base/environment.ts';
import { DynamoError, exitCodes } from '../base/error.ts';
import { messageOf, systemProblem } from '../base/error-code.ts';
import { errorText, styleFor } from '../view/style.ts';
import { fitLines, terminalWidth } from '../view/wrap.ts';
import { stateFolder } from '../run/folders.ts';
import { readEvents, readPlan, type StoredRun } from '../run/record.ts';
import type { Failure } from '../supervisor/events.ts';
import { failureLines, failureSoFar } from '../deployment/failure-error.ts';
import { version } from '../package/version.ts';

export function report(thrown: unknown, environment: Environment): number {
  const error = asDynamoError(thrown, environment);
  const text = errorText(error, styleFor(process.stderr, environment));
  // Indented lines are code, logs or tables: they are not wrapped.
  const prose = text.replaceAll(/^\S.*$/gm, (line) => fitLines(line, terminalWidth(process.stderr)));
  process.stderr.write(prose);
  return error.exitCode;
}

function asDynamoError(thrown: unknown, environment: Environment): DynamoError {
  if (thrown instanceof DynamoError) return thrown;
  const refused = refusedBySystem(thrown, environment);
  if (refused !== undefined) return refused;
  // Only a bug in dynamo gets here: the stack is needed to fix it.
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new DynamoError('internal', `This is a bug in dynamo ${version} (exit ${exitCodes.internal}).`, {
    details: [stack],
    hint: 'report it with the lines above',
  });
}

/** What the operating system refuses is not a bug, wherever it is thrown. */
function refusedBySystem(thrown: unknown, environment: Environment): DynamoError | undefined {
  const problem = systemProblem(thrown);
  if (problem === undefined) return undefined;
  const root = stateFolder(environment);
  return new DynamoError(
    problem.onDisk ? 'cannot-write' : 'environment',
    `${problem.words}: ${messageOf(thrown)}.`,
    {
      hint: problem.fix ?? `df -h ${root} ${tmpdir()}   # state is in ${root}; set XDG_STATE_HOME to move it`,
    },
  );
}

function failureOfEnded({ files, supervised }: StoredRun): Failure | undefined {
  if (supervised || readPlan(files) === undefined) return undefined;
  return readEvents(files).reduce<Failure | undefined>(failureSoFar, undefined);
}

/** Why an ended run failed, as its events say; on stderr, so that stdout holds only what was asked for. */
export function reportEndedFailure(run: StoredRun): void {
  const failure = failureOfEnded(run);
  if (failure === undefined) return;
  const [first = '', ...rest] = failureLines(failure);
  process.stderr.write([`${run.record.runId} ${first}`, ...rest, ''].join('\n'));
}
