/** The project in the working folder: `.env` beside its dynamo.yaml, and what --env-file names instead. */
import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { readEnvFile } from './env-file.ts';

/**
 * The environment of a command: what is set already wins, as in compose, and an earlier file is overridden by a later one.
 * Says on stderr which variables came from a file, without their values. Throws `usage`.
 */
export function projectEnvironment(words: readonly string[], environment: Environment): Environment {
  const end = words.indexOf('--');
  const own = words.slice(0, end === -1 ? undefined : end);
  const named = own.flatMap((word, at) => {
    if (word.startsWith('--env-file=')) return [word.slice('--env-file='.length)];
    return word === '--env-file' && own[at + 1] !== undefined ? [own[at + 1] ?? ''] : [];
  });
  if (own.includes('--help') || own.includes('-h')) return environment;
  const files = named.length > 0 ? named : existsSync('.env') ? ['.env'] : [];
  let [found, known]: [Record<string, string>, Environment] = [{}, environment];
  for (const file of files) {
    if (file === '') throw new DynamoError('usage', '--env-file needs a file.', { hint: '--env-file .env' });
    known = withoutNodes(file, known);
    found = { ...found, ...readEnvFile(file, { ...found, ...known }) };
  }
  const added = Object.keys(found).filter((name) => known[name] === undefined);
  if (added.length > 0 && !own.some((word) => ['-q', '--quiet', '--json'].includes(word)))
    process.stderr.write(`read ${files.join(', ')}: ${added.join(', ')}\n`);
  return { ...found, ...known };
}

/**
 * Node 20 takes --env-file for its own wherever it stands, and has set the variables by then, in its own way: without
 * references to others. Those count as not set.
 */
function withoutNodes(file: string, environment: Environment): Environment {
  const set = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  return Object.fromEntries(Object.entries(environment).filter(([name, value]) => set[name] !== value));
}
