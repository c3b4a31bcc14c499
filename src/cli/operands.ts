/** What a command line names: operands, the arguments after `--`, and the one profile; in a terminal, `up` asks for it. */
import { existsSync } from 'node:fs';
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { concealWords } from '../base/secrets.ts';
import { profileLibrary } from '../deployment/load-profile.ts';
import { styleFor } from '../view/style.ts';

/** `words`: commander's operands, which lack the `--` that the command line has. */
export function splitRawArgs(words: readonly string[]): {
  operands: readonly string[];
  rawArgs: readonly string[];
} {
  const line = process.argv.slice(2);
  const separator = line.indexOf('--');
  const count = separator === -1 ? 0 : line.length - separator - 1;
  return { operands: words.slice(0, words.length - count), rawArgs: words.slice(words.length - count) };
}

/** The profile of the project in the working folder. */
export const projectFile = 'dynamo.yaml';

/** What is meant where no profile is named; `undefined` without a project. */
export function projectProfile(): string | undefined {
  return existsSync(projectFile) ? `./${projectFile}` : undefined;
}

/** Without operands, the profile of the project. Throws `usage` unless it is exactly one; the error lists all profiles. */
export async function oneProfile(
  operands: readonly string[],
  verb: string,
  environment: Environment,
): Promise<string> {
  const [asked = projectProfile(), ...more] = operands;
  if (asked === undefined) {
    const [{ listProfiles }, { profileRows }] = await Promise.all([
      import('../profile/list.ts'),
      import('../view/profile-table.ts'),
    ]);
    throw new DynamoError('usage', `dynamo ${verb} needs a profile.`, {
      details: profileRows(await listProfiles(profileLibrary(environment))),
      hint: `dynamo ${verb} agg`,
    });
  }
  if (more.length > 0) {
    const shown = concealWords(more).join(' ');
    throw new DynamoError('usage', `dynamo ${verb} takes one profile, but also got: ${shown}.`, {
      hint: `put arguments for the workers after --: dynamo ${verb} ${asked} -- ${shown}`,
      fields: { asked: shown },
    });
  }
  return asked;
}

/** Asks for a profile; `undefined` when the user cancels. List and picker are loaded only here, as few people are asked. */
export async function chooseProfile(environment: Environment): Promise<string | undefined> {
  const [{ listProfiles }, { pick }, { profileRows }] = await Promise.all([
    import('../profile/list.ts'),
    import('../view/picker.ts'),
    import('../view/profile-table.ts'),
  ]);
  const profiles = await listProfiles(profileLibrary(environment));
  const style = styleFor(process.stderr, environment);
  process.stderr.write('Choose a profile (arrow keys or number, Enter to start, Esc to cancel):\n');
  const taken = await pick(profileRows(profiles), process.stdin, process.stderr, style);
  const name = taken === undefined ? undefined : profiles[taken]?.name;
  if (name !== undefined) process.stderr.write(`dynamo up ${name}\n`);
  return name;
}

/** Whether the user can be asked: both ends of the terminal are there. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}
