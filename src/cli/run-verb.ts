/** Lets commander parse what follows a verb, and runs it. */
import { Command, CommanderError, Help, type Option } from 'commander';
import { type Damage, onDamage } from '../host/stored.ts';
import { actAsOwner } from '../run/state-owner.ts';
import { fitHelp } from '../view/fit-help.ts';
import type { Configure, Verb } from './verbs.ts';

/** Verbs about runs that are there. */
const ofRuns: ReadonlySet<string> = new Set([
  'down',
  'ps',
  'logs',
  'start',
  'stop',
  'restart',
  'attach',
  'wait',
  'events',
  'chat',
  'open',
  'infra',
  'clean',
]);

/** `words` follow the verb. Returns its exit code. Throws DynamoError, and CommanderError for what commander cannot parse. */
export async function runVerb(verb: Verb, configure: Configure, words: readonly string[]): Promise<number> {
  let exitCode = 0;
  // Candidates for a shell are asked for while somebody types.
  if (verb.name !== 'complete') onDamage(sayDamage);
  if (ofRuns.has(verb.name)) actAsOwner(process.env);
  const command = commandOf(verb);
  configure(command, (code) => (exitCode = code));
  try {
    await command.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    throw error;
  }
  return exitCode;
}

function sayDamage({ file, why, fix }: Damage): void {
  process.stderr.write(`skipped ${file}: ${why}\nfix: ${fix}\n`);
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
