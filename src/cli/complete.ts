/** `dynamo complete`: what could stand at the last word of a command line that is being typed; one candidate a line. */
import { Command } from 'commander';
import { checks } from '../doctor/table.ts';
import { isAlive } from '../process/identity.ts';
import { stateFolders } from '../run/folders.ts';
import { readPlan, storedRuns } from '../run/record.ts';
import { profileNames } from '../deployment/load-profile.ts';
import { allSetups } from './setup/list.ts';
import { verbModules } from './verb-modules.ts';
import { type Configure, verbs } from './verbs.ts';

export const configure: Configure = (command, settle) => {
  command
    .argument('[words...]')
    .allowUnknownOption()
    .action(async (words: string[]) => {
      const candidates = await candidatesFor(words);
      process.stdout.write(candidates.map((candidate) => `${candidate}\n`).join(''));
      settle(0);
    });
};

async function candidatesFor(words: readonly string[]): Promise<readonly string[]> {
  const visible = verbs.filter(({ hidden }) => hidden !== true);
  const [name = ''] = words;
  if (words.length <= 1) return visible.map((verb) => verb.name);
  const verb = visible.find((each) => each.name === name);
  if (verb === undefined) return [];
  const command = new Command(verb.name);
  (await verbModules[verb.name]()).configure(command, () => {});
  const last = words.at(-1) ?? '';
  const before = command.options.find(({ long, short }) => [long, short].includes(words.at(-2) ?? ''));
  if (before !== undefined && (before.required || before.optional))
    return valuesOf(before.long, before.argChoices);
  if (last.startsWith('-')) return [...command.options.flatMap(({ long }) => long ?? []), '--help'];
  return await operandsOf(verb.name, words.length);
}

function valuesOf(
  flag: string | null | undefined,
  choices: readonly string[] | undefined,
): readonly string[] {
  if (choices !== undefined) return choices;
  if (flag === '--only') return checks.map(({ name }) => name);
  return flag === '--run' ? runNames(true) : [];
}

async function operandsOf(verb: string, position: number): Promise<readonly string[]> {
  switch (verb) {
    case 'up':
    case 'plan':
    case 'smoke':
    case 'doctor':
    case 'exec':
      return await profileNames();
    case 'down':
    case 'attach':
    case 'chat':
    case 'open':
      return runNames(false);
    case 'wait':
    case 'events':
      return runNames(true);
    case 'logs':
    case 'start':
    case 'stop':
    case 'restart':
      return processNames();
    case 'profiles':
      return position <= 2 ? ['list', 'show', 'validate', 'schema'] : await profileNames();
    case 'setup':
      return position <= 2 ? ['list', 'remove'] : allSetups().map(({ name }) => name);
    case 'infra':
      return ['up', 'down', 'status'];
    case 'completion':
      return ['bash', 'zsh', 'fish'];
    default:
      return [];
  }
}

function runNames(ended: boolean): string[] {
  const runs = storedRuns(stateFolders(process.env), isAlive).filter(({ supervised }) => ended || supervised);
  return [...new Set(runs.map(({ record }) => record.name))];
}

function processNames(): string[] {
  const latest = storedRuns(stateFolders(process.env), isAlive).at(-1);
  return latest === undefined ? [] : (readPlan(latest.files)?.processes.map(({ name }) => name) ?? []);
}
