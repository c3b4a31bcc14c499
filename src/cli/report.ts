/** Shows what went wrong and says which exit code it means. */
import type { Environment } from '../base/environment.ts';
import { DynamoError, exitCodes } from '../base/error.ts';
import { tmpdir } from 'node:os';
import { messageOf, systemProblem } from '../base/error-code.ts';
import { errorText } from '../view/error.ts';
import { fitLines, terminalWidth } from '../view/fit-lines.ts';
import { styleFor } from '../view/style.ts';
import { stateFolder } from '../run/folders.ts';
import { version } from '../package/version.ts';

export function report(thrown: unknown, environment: Environment): number {
  const error = asDynamoError(thrown, environment);
  const text = errorText(error, styleFor(process.stderr, environment));
  // What is indented is code, a log, a table.
  const prose = text.replaceAll(/^\S.*$/gm, (line) => fitLines(line, terminalWidth(process.stderr)));
  process.stderr.write(prose);
  return error.exitCode;
}

function asDynamoError(thrown: unknown, environment: Environment): DynamoError {
  if (thrown instanceof DynamoError) return thrown;
  const refused = refusedBySystem(thrown, environment);
  if (refused !== undefined) return refused;
  // Only a bug of ours ends here: the stack is what whoever mends it needs.
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new DynamoError('internal', `This is a bug in dynamo ${version} (exit ${exitCodes.internal}).`, {
    details: [stack],
    hint: 'report it with the lines above',
  });
}

/** What the system refuses is no bug of ours, wherever it comes up. */
function refusedBySystem(thrown: unknown, environment: Environment): DynamoError | undefined {
  const problem = systemProblem(thrown);
  if (problem === undefined) return undefined;
  const root = stateFolder(environment);
  return new DynamoError(
    problem.onDisk ? 'cannot-write' : 'environment',
    `${problem.words}: ${messageOf(thrown)}.`,
    {
      hint:
        problem.fix ?? `df -h ${root} ${tmpdir()}   # state is in ${root}; XDG_STATE_HOME puts it elsewhere`,
    },
  );
}
