/** The command line: answers the two shortest questions itself, finds the verb, and turns every way out into an exit code. */
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { version } from '../package/version.ts';
import { moduleOf, verbs, visibleVerbs } from './verbs.ts';

/** Runs one command line (without node and script) and returns the exit code. Never throws. */
export async function run(words: readonly string[], environment: Environment): Promise<number> {
  const [first, ...rest] = words;
  const showsHelp = first === undefined ? process.platform !== 'linux' : rest.length === 0 && isHelp(first);
  if (showsHelp) {
    process.stdout.write(`${rootHelp()}\n`);
    return 0;
  }
  if (rest.length === 0 && ['--version', '-V'].includes(first ?? '')) {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  try {
    if (first === undefined) {
      const { showFirstLook } = await import('./first-look.ts');
      return await showFirstLook(environment);
    }
    return first === 'help'
      ? await runNamed(rest[0] ?? '', ['--help'], environment)
      : await runNamed(first, rest, environment);
  } catch (error) {
    const { report } = await import('./report.ts');
    return report(error, environment);
  }
}

function isHelp(word: string): boolean {
  return ['--help', '-h', 'help'].includes(word);
}

/** Throws DynamoError. */
async function runNamed(name: string, words: readonly string[], environment: Environment): Promise<number> {
  const verb = verbs.find((each) => each.name === name);
  if (verb === undefined) throw await unknownVerb(name);
  const [{ runVerb }, { configure }] = await Promise.all([import('./run-verb.ts'), moduleOf(verb, words)]);
  return await runVerb(verb, configure, words, environment);
}

async function unknownVerb(asked: string): Promise<DynamoError> {
  if (asked.startsWith('-')) {
    return new DynamoError('usage', `dynamo has no option ${asked} before a command.`, {
      hint: 'dynamo --help',
      fields: { option: asked },
    });
  }
  const { commandFor, otherWords } = await import('./other-words.ts');
  const names = visibleVerbs.map(({ name }) => name);
  const known = commandFor(asked, names);
  // A word that is spelled like one of another tool means that one: `tpo` is not `stop`.
  const meant = known === undefined ? nearest(asked, [...names, ...otherWords]) : undefined;
  const command = known ?? (meant === undefined ? undefined : (commandFor(meant, names) ?? meant));
  return new DynamoError('usage', `There is no command ${JSON.stringify(asked)}.`, {
    hint:
      command === undefined
        ? 'dynamo --help'
        : `${known === undefined ? 'did you mean: ' : ''}dynamo ${command}`,
    fields: { asked, nearest: command },
  });
}

/** What `dynamo --help` prints: needs no argument parser, to be fast. Ends without a newline. */
export function rootHelp(): string {
  const width = Math.max(...visibleVerbs.map(({ name }) => name.length));
  return [
    'Starts NVIDIA Dynamo with SGLang on this machine, supervises it, and cleans up after it.',
    '',
    'Usage: dynamo <command> [options]',
    '',
    'Commands:',
    ...visibleVerbs.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'Options:',
    '  -V, --version  print the version',
    '  -h, --help     print this help; after a command, print the help of that command',
    '',
    'Examples:',
    '  dynamo up disagg         start prefill and decode in separate workers',
    '  dynamo up agg --detach   return as soon as it serves',
    '  dynamo plan agg_router   show what would be started, and why',
    '  dynamo ps                show what is running',
    '  dynamo down              stop it, and verify that nothing is left',
  ].join('\n');
}
