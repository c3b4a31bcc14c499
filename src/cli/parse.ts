/** Finds the verb in a command line, loads its module, and lets commander parse the rest. */
import { Command, CommanderError, Help, type Option } from 'commander';
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { fitHelp } from '../view/fit-help.ts';
import { type Verb, verbs } from './verbs.ts';

/** Returns the exit code of the verb. Throws DynamoError, and CommanderError for what commander cannot parse. */
export async function parse(words: readonly string[]): Promise<number> {
  const helpFor = words[0] === 'help' ? words[1] : undefined;
  const asked = helpFor ?? words[0] ?? '';
  const verb = verbs.find(({ name }) => name === asked);
  if (verb === undefined) throw unknownVerb(asked);
  let exitCode = 0;
  const command = commandOf(verb);
  (await verb.load()).configure(command, (code) => (exitCode = code));
  const rest = helpFor === undefined ? words.slice(1) : ['--help'];
  try {
    await command.parseAsync(rest, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    throw error;
  }
  return exitCode;
}

function commandOf(verb: Verb): Command {
  return (
    new Command(`dynamo ${verb.name}`)
      .description(verb.summary)
      .usage(verb.usage)
      .helpOption('-h, --help', 'print this help')
      .configureHelp({ optionDescription })
      .exitOverride()
      // Errors are written in one place, report.ts.
      .configureOutput({
        outputError: () => {},
        writeOut: (text) => process.stdout.write(fitHelp(text, process.stdout.columns ?? 80)),
      })
  );
}

/** That nothing is set unless it is set says nothing. */
function optionDescription(option: Option): string {
  return new Help().optionDescription(option).replace(/ \(default: (\{\}|\[\])\)$/, '');
}

function unknownVerb(asked: string): DynamoError {
  if (asked.startsWith('-')) {
    return new DynamoError('usage', `dynamo has no option ${asked} before a command.`, {
      hint: 'dynamo --help',
    });
  }
  const names = verbs.filter(({ hidden }) => hidden !== true).map(({ name }) => name);
  const meant = nearest(asked, names);
  return new DynamoError('usage', `There is no command ${JSON.stringify(asked)}.`, {
    hint: meant === undefined ? 'dynamo --help' : `did you mean: dynamo ${meant}`,
  });
}
