/** Shows what went wrong and says which exit code it means. */
import { CommanderError } from 'commander';
import { DynamoError, exitCodes } from '../base/error.ts';
import { tmpdir } from 'node:os';
import { messageOf, systemProblem } from '../base/error-code.ts';
import { hiddenMark } from '../base/secrets.ts';
import { nearest } from '../base/nearest.ts';
import { errorText } from '../view/error.ts';
import { fitLines, terminalWidth } from '../view/fit-lines.ts';
import { styleFor } from '../view/style.ts';
import { stateFolder } from '../run/folders.ts';
import { verbs } from './verbs.ts';
import { version } from '../package/self.ts';

export function report(thrown: unknown): number {
  const error = asDynamoError(thrown);
  const text = errorText(error, styleFor(process.stderr, process.env));
  // What is indented is code, a log, a table.
  const prose = text.replaceAll(/^\S.*$/gm, (line) => fitLines(line, terminalWidth(process.stderr)));
  process.stderr.write(prose);
  return error.exitCode;
}

function asDynamoError(thrown: unknown): DynamoError {
  if (thrown instanceof DynamoError) return thrown;
  if (thrown instanceof CommanderError) return usageError(thrown);
  const refused = refusedBySystem(thrown);
  if (refused !== undefined) return refused;
  // Only a bug of ours ends here: the stack is what whoever mends it needs.
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new DynamoError('internal', `This is a bug in dynamo ${version} (exit ${exitCodes.internal}).`, {
    details: [stack],
    hint: 'report it with the lines above',
  });
}

/** What the system refuses is no bug of ours, wherever it comes up. */
function refusedBySystem(thrown: unknown): DynamoError | undefined {
  const problem = systemProblem(thrown);
  if (problem === undefined) return undefined;
  const root = stateFolder(process.env);
  return new DynamoError(
    problem.onDisk ? 'cannot-write' : 'environment',
    `${problem.words}: ${messageOf(thrown)}.`,
    {
      hint:
        problem.fix ?? `df -h ${root} ${tmpdir()}   # state is in ${root}; XDG_STATE_HOME puts it elsewhere`,
    },
  );
}

function usageError({ message }: CommanderError): DynamoError {
  const [first = '', suggestion = ''] = withoutValue(message)
    .replace(/^error: /, '')
    .split('\n');
  const meant = /Did you mean (.*)\?/.exec(suggestion)?.[1] ?? nearestChoice(first);
  const verb = verbs.find(({ name }) => name === process.argv[2])?.name;
  const help = verb === undefined ? 'dynamo --help' : `dynamo ${verb} --help`;
  return new DynamoError('usage', `${first.charAt(0).toUpperCase()}${first.slice(1).replace(/\.$/, '')}.`, {
    hint: meant === undefined ? help : `did you mean ${meant}?`,
  });
}

/** `unknown option '--api-key=…'`: what stands after the = of an option that we do not know may be a secret. */
function withoutValue(message: string): string {
  return message.replace(/(unknown option '-[^'=]*=)[^']*'/, `$1${hiddenMark}'`);
}

/** Commander names the choices but not the likely one. */
function nearestChoice(message: string): string | undefined {
  const match = /^[Oo]ption '(\S+).*argument '(.*)' is invalid\. Allowed choices are (.*?)\.?$/.exec(message);
  if (match === null) return undefined;
  const [, flag, seen = '', choices = ''] = match;
  const meant = nearest(seen, choices.split(', '));
  return meant === undefined ? undefined : `${flag} ${meant}`;
}
