/**
 * The words of other tools: which command or option of ours one of docker compose, kubectl, docker or a model server means.
 * Loaded only when a word is not one of ours.
 */
import type { Command } from 'commander';
import { DynamoError } from '../base/error.ts';

/** By word, in order of preference: the first whose command exists is suggested. A remark may follow it. */
const commands: Readonly<Record<string, readonly string[]>> = {
  ...meaning(
    ['rm', 'remove', 'delete', 'destroy', 'teardown', 'shutdown', 'halt', 'quit', 'terminate'],
    ['down   # stops a run and removes all of it; what dead runs left: dynamo clean'],
  ),
  ...meaning(['kill'], ['down --now   # without a grace period; for one process: dynamo stop decode']),
  ...meaning(['prune', 'cleanup', 'gc'], ['clean']),
  ...meaning(['top', 'htop'], ['top', 'ps --watch']),
  ...meaning(['stats', 'metrics', 'usage'], ['stats', 'top', 'ps --watch']),
  ...meaning(['status', 'ls', 'get', 'health', 'info', 'runs'], ['ps']),
  ...meaning(['list'], ['ps   # runs; the profiles: dynamo profiles']),
  ...meaning(['history'], ['ps --all']),
  ...meaning(['inspect', 'describe'], ['ps --json   # what is planned: dynamo plan agg']),
  ...meaning(['models'], ['profiles']),
  ...meaning(['show'], ['profiles show agg']),
  ...meaning(['explain', 'schema'], ['profiles schema   # what one profile says: dynamo profiles show agg']),
  ...meaning(
    ['config', 'render', 'template', 'convert', 'dry-run'],
    ['plan agg   # what `up` would do, and why'],
  ),
  ...meaning(['export', 'manifest', 'generate'], ['export agg', 'plan agg --on kubernetes']),
  ...meaning(['init', 'new', 'create'], ['init', 'profiles schema']),
  ...meaning(['run', 'launch', 'serve', 'deploy', 'apply'], ['up']),
  ...meaning(['version'], ['--version']),
  ...meaning(['env'], ['exec agg -- env   # with the variables for OpenAI clients']),
  ...meaning(
    ['sh', 'shell', 'bash', 'ssh'],
    ['exec agg -- sh   # with a deployment, and the variables for it'],
  ),
  ...meaning(
    ['bench', 'benchmark', 'perf', 'load', 'aiperf'],
    ['bench', 'smoke agg   # or: dynamo exec agg -- aiperf'],
  ),
  ...meaning(['test', 'verify'], ['smoke agg']),
  ...meaning(['check', 'diagnose', 'debug', 'troubleshoot'], ['doctor']),
  ...meaning(['lint', 'validate'], ['profiles validate']),
  ...meaning(['report', 'bug', 'bundle', 'dump', 'snapshot'], ['report', 'doctor']),
  ...meaning(['pull', 'install', 'build', 'update', 'upgrade', 'download'], ['setup']),
  ...meaning(['ask', 'prompt', 'query', 'talk', 'repl'], ['chat']),
  ...meaning(['log', 'tail', 'follow'], ['logs -f']),
  ...meaning(['watch', 'monitor'], ['top', 'ps --watch']),
  ...meaning(['dashboard', 'web', 'gui', 'playground'], ['ui', 'open']),
  ...meaning(['ui'], ['ui', 'open']),
  ...meaning(['port', 'url', 'endpoint'], ['open']),
  ...meaning(['scale'], ['scale', 'up disagg --replicas decode=2']),
  ...meaning(['reload', 'rollout'], ['restart']),
  ...meaning(['pause', 'suspend'], ['stop decode   # start it again: dynamo start decode']),
  ...meaning(['cp', 'copy'], ['ps --json   # has the folder of the logs']),
  ...meaning(
    ['login'],
    ['doctor agg   # says whether the model hub lets you in; log in with: export HF_TOKEN=…'],
  ),
};

function meaning(words: readonly string[], meant: readonly string[]): Record<string, readonly string[]> {
  return Object.fromEntries(words.map((word) => [word, meant]));
}

export const otherWords: readonly string[] = Object.keys(commands);

/** What follows `dynamo `, perhaps with a remark; `undefined` for a word that no other tool has either. */
export function commandFor(word: string, ours: readonly string[]): string | undefined {
  const meant = commands[word.toLowerCase()];
  return meant?.find((each) => each.startsWith('-') || ours.includes(each.split(' ')[0] ?? ''));
}

/** An option of another tool. Rows without `verbs` hold for all; the first row that fits decides. */
interface Row {
  readonly flags: readonly string[];
  readonly verbs?: readonly string[];
  /** Whether a value follows. */
  readonly value?: true;
  /** Only for values that match. */
  readonly only?: RegExp;
  /** Our words for it, `*` being its value. Used if the command has that option. */
  readonly ours?: readonly string[];
  /** What to do instead; `@` is the first operand. */
  readonly instead?: string;
}

const onProfiles = ['up', 'plan', 'smoke', 'exec', 'doctor', 'bench'];

const rows: readonly Row[] = [
  { flags: ['-o', '--output', '--format'], value: true, only: /^json$/i, ours: ['--json'] },
  { flags: ['-o', '--output', '--format'], verbs: ['ps'], value: true, only: /^name$/, ours: ['--quiet'] },
  { flags: ['-o', '--output', '--format'], value: true, instead: '--json   # the only other format' },
  { flags: ['-n'], verbs: ['ps'], value: true, only: /^\d+$/, ours: ['--last', '*'] },
  { flags: ['-n'], value: true, ours: ['--namespace', '*'] },
  { flags: ['-n', '--lines'], verbs: ['logs'], value: true, ours: ['--tail', '*'] },
  {
    flags: ['-t', '--timestamps'],
    verbs: ['logs'],
    instead: 'logs @   # lines keep the time that their process wrote',
  },
  { flags: ['--no-log-prefix', '--no-prefix'], verbs: ['logs'], ours: ['--raw'] },
  { flags: ['--wait'], verbs: ['up'], ours: ['--detach'] },
  { flags: ['--wait-timeout'], verbs: ['up'], value: true, ours: ['--timeout', '*'] },
  {
    flags: ['--dry-run'],
    verbs: ['up', 'smoke', 'exec'],
    instead: 'plan @   # shows what would be started, and why',
  },
  { flags: ['--dry-run'], verbs: ['down'], instead: 'ps   # shows what `down` would stop' },
  { flags: ['-f', '--file', '--filename'], verbs: onProfiles, value: true, ours: ['*'] },
  { flags: ['--scale'], verbs: onProfiles, value: true, ours: ['--replicas', '*'] },
  { flags: ['-p', '--project-name'], verbs: ['up'], value: true, only: /\D/, ours: ['--name', '*'] },
  {
    flags: ['-p', '--port', '--publish'],
    verbs: onProfiles,
    value: true,
    only: /^\d+$/,
    ours: ['--http-port', '*'],
  },
  { flags: ['--host'], verbs: onProfiles, value: true, ours: ['--http-host', '*'] },
  { flags: ['-e'], verbs: onProfiles, value: true, ours: ['--env', '*'] },
  { flags: ['-m', '--model-path'], verbs: onProfiles, value: true, ours: ['--model', '*'] },
  { flags: ['-it', '-ti', '-i', '-t', '--tty', '--interactive'], verbs: ['exec'], ours: [] },
  { flags: ['--rm'], verbs: ['up', 'exec'], ours: [] },
  { flags: ['-d', '--detach'], verbs: ['infra'], ours: [] },
  { flags: ['-v', '--volumes'], verbs: ['down'], instead: 'down @   # removes all but what --persist keeps' },
  { flags: ['--remove-orphans'], verbs: ['up', 'down'], instead: 'clean' },
  {
    flags: ['-t', '--timeout'],
    verbs: ['down'],
    value: true,
    instead: 'down @ --now   # how long an orderly stop may take: dynamo up --stop-timeout',
  },
  { flags: ['--force', '-9'], verbs: ['down'], ours: ['--now'] },
  { flags: ['-A', '--all-namespaces'], verbs: ['ps'], instead: 'ps --on kubernetes' },
  { flags: ['-l', '--latest'], verbs: ['ps'], ours: ['--last', '1'] },
  { flags: ['-c', '--container'], verbs: ['logs'], value: true, ours: ['*'] },
  { flags: ['--ansi', '--no-color', '--no-ansi'], instead: 'export NO_COLOR=1' },
];

/**
 * The words of a command line, with those of other tools replaced by ours; what stands after `--` stays. `verb` with its
 * options is `command`. Throws `usage` for one that we have under another name, or do otherwise.
 */
export function inOurWords(verb: string, command: Command, words: readonly string[]): readonly string[] {
  const parser = command.commands.find((each) => each.name() === words[0]) ?? command;
  const optionOf = (flag: string) =>
    parser.options.find(({ long, short }) => long === flag || short === flag);
  const made: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') return [...made, ...words.slice(at)];
    const [flag, attached] = flagIn(word);
    const own = optionOf(flag);
    if (own !== undefined || flag === '') {
      made.push(word);
      const takesNext = own !== undefined && (own.required || own.optional) && attached === undefined;
      if (takesNext && at + 1 < words.length) made.push(words[(at += 1)] ?? '');
      continue;
    }
    const value = attached ?? words[at + 1];
    const row = rows.find(
      (each) =>
        each.flags.includes(flag) &&
        (each.verbs === undefined || each.verbs.includes(verb)) &&
        (each.only === undefined || each.only.test(value ?? '')) &&
        (each.ours?.[0] === undefined ||
          !each.ours[0].startsWith('-') ||
          optionOf(each.ours[0]) !== undefined),
    );
    if (row === undefined) {
      made.push(word);
      continue;
    }
    if (row.ours === undefined) throw otherwise(verb, flag, row.instead ?? `${verb} --help`, words);
    if (row.value === true && attached === undefined) at += 1;
    if (row.value === true && value === undefined) return words;
    made.push(...row.ours.map((each) => (each === '*' ? (value ?? '') : each)));
  }
  return made;
}

/** `--flag=value`, `-n5`, or a flag alone; an empty flag for anything else. */
function flagIn(word: string): [flag: string, value?: string] {
  const long = /^(--[a-z][\w-]*)(?:=(.*))?$/is.exec(word);
  if (long !== null) return long[2] === undefined ? [long[1] ?? ''] : [long[1] ?? '', long[2]];
  const short = /^(-[a-z\d])(\d+|json)$/i.exec(word);
  if (short !== null) return [short[1] ?? '', short[2] ?? ''];
  return [/^-[a-z\d]+$/i.test(word) ? word : ''];
}

function otherwise(verb: string, flag: string, instead: string, words: readonly string[]): DynamoError {
  // Not what may be the value of an option, and a secret.
  const operand =
    words.find((word, at) => {
      const before = words[at - 1] ?? '';
      return /^[\w./][\w./-]*$/.test(word) && (before === flag || !before.startsWith('-'));
    }) ?? '';
  const command = instead.replace(/ @|@ /, operand === '' ? '' : ` ${operand}`);
  return new DynamoError('usage', `dynamo ${verb} has no option ${flag}.`, {
    hint: /^(export )/.test(command)
      ? command
      : `dynamo ${command.startsWith('-') ? `${verb} ` : ''}${command}`,
    fields: { option: flag },
  });
}
