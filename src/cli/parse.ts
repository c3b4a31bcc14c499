/** Finds the verb in a command line and loads its module. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { runVerb } from './run-verb.ts';
import { verbModules } from './verb-modules.ts';
import { verbs } from './verbs.ts';

/** Returns the exit code of the verb. Throws DynamoError, and CommanderError for what commander cannot parse. */
export async function parse(words: readonly string[]): Promise<number> {
  const helpFor = words[0] === 'help' ? words[1] : undefined;
  const asked = helpFor ?? words[0] ?? '';
  const verb = verbs.find(({ name }) => name === asked);
  if (verb === undefined) throw unknownVerb(asked);
  const { configure } = await verbModules[verb.name]();
  return await runVerb(verb, configure, helpFor === undefined ? words.slice(1) : ['--help']);
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
