/** `dynamo plan --split` and `--nnodes`: the command of each host of a deployment on several. */
import { DynamoError } from '../base/error.ts';
import { quote } from '../base/terminal-text.ts';
import { requireComponents } from '../plan/hosts.ts';
import { splitOf, type Split } from '../plan/hosts-plan.ts';
import type { Rank } from '../engine/engine.ts';
import { bracketed, hostUrl } from '../plan/ports.ts';
import { rankFlags, requireSpread } from '../plan/ranks.ts';
import type { Profile } from '../profile/profile.ts';

/** Parses `prefill=10.0.0.1,decode=10.0.0.2`. */
export function parseSplit(text: string): Split {
  return text.split(',').map((item) => {
    const [component = '', host = ''] = item.split('=', 2).map((part) => part.trim());
    if (component === '' || host === '') {
      throw new DynamoError(
        'usage',
        `--split ${JSON.stringify(text)}: expected COMPONENT=HOST pairs, such as prefill=10.0.0.1,decode=10.0.0.2.`,
        { hint: 'dynamo plan --help', fields: { option: '--split', asked: text } },
      );
    }
    return { component, host };
  });
}

/** For each host its command, the one that starts etcd first. `words`: the arguments of `plan` without `--split`. */
export function splitCommands(profile: Profile, split: Split, words: readonly string[]): string {
  const hosts = splitOf(profile, split);
  const [head] = hosts;
  const { options, workerArgs } = atDashes(words);
  const blocks = hosts.map(({ host, components }) => {
    const join = host === head?.host ? [] : ['--join', hostUrl(head?.host ?? '', 2379)];
    const share = ['--only', components.join(','), ...join, '--advertise', host];
    const command = ['dynamo', 'up', ...options, ...share, ...workerArgs];
    return [`# on ${host}`, command.map(quote).join(' ')].join('\n');
  });
  return [
    ...blocks,
    '# The first starts etcd and waits for the others; if its port 2379 is in use, it prints the one to --join. On each host,',
    '# "dynamo plan" with the same arguments lists the ports that must be open.',
  ].join('\n');
}

/** What stands for the address of rank 0 where `--dist-init-addr` does not name it. */
const firstHost = 'HOST0';
/** The port that Dynamo's operator uses. Source: docs/upstream/kubernetes.md. */
const usualPort = 29_500;

/** What `plan` is asked for several ranks of one worker. */
export interface RankRequest {
  readonly hosts: number;
  readonly meet: Rank['meet'] | undefined;
  /** Components that the hosts run; absent: all of them. */
  readonly only: readonly string[] | undefined;
  readonly joins: boolean;
}

/**
 * For each rank of the one worker its command, and the ports that must be open. `words`: the arguments of `plan` without
 * `--nnodes` and `--dist-init-addr`. Throws `usage` where the profile has several workers, or one that cannot be spread.
 */
export function rankCommands(profile: Profile, request: RankRequest, words: readonly string[]): string {
  const { hosts, meet = { host: firstHost, port: usualPort } } = request;
  requireOneWorker(profile, request);
  const { options, workerArgs } = atDashes(words);
  const rank: Rank = { rank: 0, of: hosts, meet };
  const blocks = Array.from({ length: hosts }, (_, index) => {
    const join = index === 0 || request.joins ? [] : ['--join', hostUrl(meet.host, 2379)];
    const command = ['dynamo', 'up', ...options].map(quote);
    return [
      index === 0 ? '# on the host of rank 0, first' : `# on the host of rank ${index}`,
      [...command, ...rankFlags(rank, index), ...[...join, ...workerArgs].map(quote)].join(' '),
    ].join('\n');
  });
  return [...blocks, ...portLines(rank, request)].join('\n');
}

function requireOneWorker(profile: Profile, { hosts, only }: RankRequest): void {
  const here = only === undefined ? undefined : requireComponents(only, profile);
  const workers = Object.entries(profile.components).flatMap(([name, spec]) =>
    spec.kind === 'worker' && here?.has(name) !== false ? [{ name, spec }] : [],
  );
  const [worker, second] = workers;
  if (worker === undefined || second !== undefined) {
    const names = workers.map(({ name }) => name);
    throw new DynamoError(
      'usage',
      `--nnodes ${hosts} is for one worker, and ${names.length === 0 ? 'none is' : `${names.join(' and ')} are`} to be run.`,
      {
        hint: `--only ${names[0] ?? 'WORKER'}   # and the same for each of the others`,
        fields: { option: '--nnodes', choices: names },
      },
    );
  }
  requireSpread(worker.name, worker.spec, profile, hosts);
}

function portLines(rank: Rank, { meet, only, joins }: RankRequest): string[] {
  const place = meet === undefined ? firstHost : bracketed(meet.host);
  const rows = [
    [`${place} ${rank.meet.port}`, 'the other ranks', 'they meet there (torch.distributed)'],
    ...(joins ? [] : [[`${place} 2379`, 'the other hosts', 'etcd']]),
    ['every rank, ephemeral', 'every other rank', 'NCCL and Gloo: the kernel chooses their ports'],
    ...(only === undefined ? [] : [[`${place}, rpc`, 'the host of the frontend', 'requests']]),
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return [
    ...(meet === undefined ? [`# ${firstHost}: the address of rank 0 that the other hosts reach`] : []),
    '# Must be open:',
    ...rows.map(
      ([port = '', from = '', why = '']) =>
        `#   ${port.padEnd(widths[0] ?? 0)}  from ${from.padEnd(widths[1] ?? 0)}  ${why}`,
    ),
    '# "dynamo plan" with the arguments of a host lists the ports of that host by number.',
  ];
}

function atDashes(words: readonly string[]): { options: readonly string[]; workerArgs: readonly string[] } {
  const dashes = words.includes('--') ? words.indexOf('--') : words.length;
  return { options: words.slice(0, dashes), workerArgs: words.slice(dashes) };
}
