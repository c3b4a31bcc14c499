/** Lets commander parse what follows a verb, and runs it. */
import { existsSync } from 'node:fs';
import type { Environment } from '../base/environment.ts';
import { Command, CommanderError, Help, type Option } from 'commander';
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { hiddenMark } from '../base/secrets.ts';
import { type Damage, onDamage } from '../host/stored.ts';
import { actAsOwner } from '../run/folders.ts';
import { fitHelp } from '../view/wrap.ts';
import { report } from './report.ts';
import type { Configure, Verb } from './verb.ts';

/** For a program that knows only `verbs`, all of them loaded. Returns the exit code. Never throws. */
export async function runOneOf(
  verbs: readonly (Verb & { readonly configure: Configure })[],
  [name, ...words]: readonly string[],
  environment: Environment,
): Promise<number> {
  try {
    const verb = verbs.find((each) => each.name === name);
    if (verb === undefined) throw new Error(`this program has no command ${name}`);
    return await runVerb(verb, verb.configure, words, environment);
  } catch (error) {
    return report(error, environment);
  }
}

/** `words` follow the verb. Returns its exit code. Throws DynamoError. */
export async function runVerb(
  verb: Verb,
  configure: Configure,
  words: readonly string[],
  environment: Environment,
): Promise<number> {
  let exitCode = 0;
  // Shells ask for candidates while the user types: nothing else may be printed then.
  if (verb.name !== 'complete') onDamage(sayDamage);
  if (verb.actsAsOwner === true) actAsOwner(environment);
  const command = commandOf(verb);
  configure(command, (code) => (exitCode = code), await withProject(verb, words, environment));
  try {
    await command.parseAsync(await inOurWords(verb.name, command, words), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    throw usageError(error, verb);
  }
  return exitCode;
}

/** With the variables of `.env` beside a dynamo.yaml, or of --env-file. */
async function withProject(
  { readsProject }: Verb,
  words: readonly string[],
  environment: Environment,
): Promise<Environment> {
  const asked = words.some((word) => /^--env-file(=|$)/.test(word));
  if (!asked && (readsProject !== true || !existsSync('dynamo.yaml'))) return environment;
  const { projectEnvironment } = await import('./project.ts');
  return projectEnvironment(words, environment);
}

/** Few people need the table of the words of others: it is loaded when an option is not one of ours. */
async function inOurWords(
  verb: string,
  command: Command,
  words: readonly string[],
): Promise<readonly string[]> {
  const ours = new Set(command.options.flatMap(({ long, short }) => [long, short]));
  const end = words.indexOf('--');
  const flags = words.slice(0, end === -1 ? undefined : end).filter((word) => /^-\w|^--\w/.test(word));
  if (verb === 'complete' || flags.every((flag) => ours.has(flag.split('=')[0]))) return words;
  const { inOurWords: translated } = await import('./other-words.ts');
  return translated(verb, command, words);
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

/** Without `(default: {})` and `(default: [])`, which say nothing. */
function optionDescription(option: Option): string {
  return new Help().optionDescription(option).replace(/ \(default: (\{\}|\[\])\)$/, '');
}

/** What commander cannot parse. */
function usageError({ message }: CommanderError, verb: Verb): DynamoError {
  const [first = '', suggestion = ''] = withoutValue(message)
    .replace(/^error: /, '')
    .split('\n');
  const meant = /Did you mean (.*)\?/.exec(suggestion)?.[1] ?? nearestChoice(first);
  return new DynamoError('usage', `${first.charAt(0).toUpperCase()}${first.slice(1).replace(/\.$/, '')}.`, {
    hint: isOfClusters(first, verb)
      ? 'add --on kubernetes'
      : meant === undefined
        ? `dynamo ${verb.name} --help`
        : `did you mean ${meant}?`,
    fields: { nearest: meant },
  });
}

/** An option that these verbs take with `--on kubernetes` only. */
function isOfClusters(message: string, { name }: Verb): boolean {
  return (
    /^(up|smoke|exec|doctor)$/.test(name) &&
    / '--(context|namespace|hf-secret|model-cache|(api|dynamo)-version)\b/.test(message)
  );
}

/** `unknown option '--api-key=…'`: the value of an unknown option may be a secret. */
function withoutValue(message: string): string {
  return message.replace(/(unknown option '-[^'=]*=)[^']*'/, `$1${hiddenMark}'`);
}

/** Commander lists the choices, but does not suggest one. */
function nearestChoice(message: string): string | undefined {
  const match = /^[Oo]ption '(\S+).*argument '(.*)' is invalid\. Allowed choices are (.*?)\.?$/.exec(message);
  if (match === null) return undefined;
  const [, flag, seen = '', choices = ''] = match;
  const meant = nearest(seen, choices.split(', '));
  return meant === undefined ? undefined : `${flag} ${meant}`;
}
