/**
 * `dynamo completion` prints a small script for a shell; the script asks `dynamo complete` for candidates.
 * Not @pnpm/tabtab: it asks questions and edits start-up files of shells; here the user redirects a script into a file.
 */
import type { Environment } from '../base/environment.ts';
import { Argument, Command } from 'commander';
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { profileNames } from '../deployment/load-profile.ts';
import { checks } from '../doctor/table.ts';
import { clusterRuns } from '../kubernetes/records.ts';
import { isAlive } from '../process/identity.ts';
import { stateFolders } from '../run/folders.ts';
import type { Plan } from '../plan/plan.ts';
import { readPlan, storedRuns } from '../run/record.ts';
import { allSetups } from './setup/installed.ts';
import type { Configure } from './verb.ts';
import { type Completes, moduleOf, visibleVerbs } from './verbs.ts';

const scripts: Readonly<Record<string, string>> = {
  bash: `# dynamo completion for bash; to use it: source <(dynamo completion bash)
_dynamo() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(dynamo complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _dynamo dynamo
`,
  zsh: `#compdef dynamo
# dynamo completion for zsh; to use it: source <(dynamo completion zsh)
_dynamo() {
  local -a candidates
  candidates=("\${(@f)$(dynamo complete --describe -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  _describe dynamo candidates
}
compdef _dynamo dynamo
`,
  fish: `# dynamo completion for fish; to use it: dynamo completion fish | source
complete -c dynamo -f -a '(dynamo complete --describe=tab -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
};

const examples = `
Examples:
  source <(dynamo completion bash)
  dynamo completion fish > ~/.config/fish/completions/dynamo.fish`;

const configureCompletion: Configure = (command, settle) => {
  command
    .addArgument(
      new Argument('<shell>', 'bash, zsh or fish').choices(Object.keys(scripts)).argParser(scriptFor),
    )
    .addHelpText('after', examples)
    .action((script: string) => {
      process.stdout.write(script);
      settle(0);
    });
};

export const completion = { configure: configureCompletion };

/** Throws `usage`. */
function scriptFor(shell: string): string {
  const script = scripts[shell];
  if (script === undefined) throw unknownShell(shell);
  return script;
}

function unknownShell(shell: string): DynamoError {
  const shells = Object.keys(scripts);
  const meant = nearest(shell, shells);
  return new DynamoError(
    'usage',
    `No completion for the shell ${JSON.stringify(shell)}; there is one for ${shells.join(', ')}.`,
    {
      hint: `dynamo completion ${meant ?? 'bash'}`,
      fields: { asked: shell, choices: shells, nearest: meant },
    },
  );
}

const configureComplete: Configure = (command, settle, environment) => {
  command
    .argument('[words...]')
    .option('--describe [how]')
    .allowUnknownOption()
    .action(async (words: string[], { describe }: { describe?: string | true }) => {
      const candidates = await candidatesFor(words, environment);
      const shown = candidates.map((each) =>
        describe === undefined ? wordOf(each) : described(each, describe),
      );
      process.stdout.write(shown.map((each) => `${each}\n`).join(''));
      settle(0);
    });
};

/** A word, or a word and what it is. */
type Candidate = string | readonly [word: string, what: string];

function wordOf(candidate: Candidate): string {
  return typeof candidate === 'string' ? candidate : candidate[0];
}

/** As fish wants it, after a tab; or as zsh's _describe does, after a colon. */
function described(candidate: Candidate, how: string | true): string {
  if (typeof candidate === 'string') return how === 'tab' ? candidate : candidate.replaceAll(':', '\\:');
  const [word, what] = candidate;
  return how === 'tab' ? `${word}\t${what}` : `${word.replaceAll(':', '\\:')}:${what}`;
}

export const complete = { configure: configureComplete };

/** What could stand at the last of `words`, which is being typed. */
async function candidatesFor(
  words: readonly string[],
  environment: Environment,
): Promise<readonly Candidate[]> {
  if (words.length <= 1) return visibleVerbs.map(({ name, summary }) => [name, summary]);
  const verb = visibleVerbs.find(({ name }) => name === words[0]);
  if (verb === undefined) return [];
  const command = new Command(verb.name);
  (await moduleOf(verb, words)).configure(command, () => {}, environment);
  const last = words.at(-1) ?? '';
  const before = command.options.find(({ long, short }) => [long, short].includes(words.at(-2) ?? ''));
  if (before !== undefined && (before.required || before.optional))
    return valuesOf(before.long, before.argChoices, environment);
  if (last.startsWith('-')) {
    const options = command.options.flatMap(({ long, description }): Candidate[] =>
      long ? [[long, description]] : [],
    );
    return [...options, ['--help', 'print the help of this command']];
  }
  if (words.length === 2 && command.commands.length > 0)
    return command.commands.map((each): Candidate => [each.name(), each.description()]);
  const choices = command.registeredArguments[0]?.argChoices;
  if (choices !== undefined) return choices;
  return verb.completes === undefined ? [] : await candidates[verb.completes](environment);
}

function valuesOf(
  flag: string | null | undefined,
  choices: readonly string[] | undefined,
  environment: Environment,
): readonly string[] {
  if (choices !== undefined) return choices;
  if (flag === '--only') return checks.map(({ name }) => name);
  return flag === '--run' ? runNames(true, environment) : [];
}

const candidates: Readonly<
  Record<Completes, (environment: Environment) => readonly string[] | Promise<readonly string[]>>
> = {
  profiles: profileNames,
  runs: (environment) => runNames(true, environment),
  'live runs': (environment) => runNames(false, environment),
  processes: processNames,
  workers: workerCounts,
  setups: (environment) => allSetups(environment).map(({ name }) => name),
};

function runNames(ended: boolean, environment: Environment): string[] {
  const runs = storedRuns(stateFolders(environment), isAlive).filter(({ supervised }) => ended || supervised);
  const onClusters = clusterRuns(environment).map(({ name }) => name);
  return [...new Set([...runs.map(({ record }) => record.name), ...onClusters])];
}

function latestPlan(environment: Environment): Plan | undefined {
  const latest = storedRuns(stateFolders(environment), isAlive).at(-1);
  return latest === undefined ? undefined : readPlan(latest.files);
}

function processNames(environment: Environment): string[] {
  return latestPlan(environment)?.processes.map(({ name }) => name) ?? [];
}

/** `decode=`, and the runs that are up. */
function workerCounts(environment: Environment): string[] {
  const workers = latestPlan(environment)?.processes.filter(({ kind }) => kind === 'worker') ?? [];
  return [...new Set(workers.map(({ component }) => `${component}=`)), ...runNames(false, environment)];
}
