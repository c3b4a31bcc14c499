/** The options of `up` and `plan` for a deployment on several hosts, and the commands that `plan --split` prints. */
import type { Command } from 'commander';
import { DynamoError } from '../../base/error.ts';
import { quote } from '../../base/terminal-text.ts';
import { listenAddress } from '../../host/listen-address.ts';
import { splitOf, type Split } from '../../plan/hosts.ts';
import type { HostsOptions } from '../../plan/request.ts';
import type { Profile } from '../../profile/profile.ts';

export interface HostFlags {
  readonly only?: readonly string[];
  readonly join?: string;
  readonly advertise?: string;
}

export function addHostOptions(command: Command): Command {
  return command
    .option('--only <components>', 'run only these components here, the others on other hosts', names)
    .option('--join <url>', 'etcd of the deployment, on the host that started it', etcdUrl)
    .option('--advertise <address>', 'address of this host that the other hosts reach', hostAddress);
}

/** `undefined` when the whole deployment runs here. */
export function hostsOf({ only, join, advertise }: HostFlags): HostsOptions | undefined {
  if (only === undefined && join === undefined && advertise === undefined) return undefined;
  return { only, join, advertise };
}

function bad(flag: string, seen: string, expected: string): DynamoError {
  return new DynamoError('usage', `${flag} ${JSON.stringify(seen)}: expected ${expected}.`, {
    hint: 'dynamo up --help',
  });
}

function names(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.includes('')) throw bad('--only', text, 'components, such as frontend,prefill');
  return items;
}

function etcdUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.hostname !== '') return url.origin;
  throw bad('--join', text, 'the URL of an etcd, such as http://10.0.0.1:2379');
}

function hostAddress(text: string): string {
  const value = listenAddress(text);
  if (value !== undefined && !/^(127\.|::1$|0\.0\.0\.0$|::$|localhost)/.test(value)) return value;
  throw bad('--advertise', text, 'one address that other hosts can reach, such as 10.0.0.1');
}

/** Parses `prefill=10.0.0.1,decode=10.0.0.2`. */
export function parseSplit(text: string): Split {
  return text.split(',').map((item) => {
    const [component = '', host = ''] = item.split('=', 2).map((part) => part.trim());
    if (component === '' || host === '') {
      throw bad('--split', text, 'COMPONENT=HOST pairs, such as prefill=10.0.0.1,decode=10.0.0.2');
    }
    return { component, host };
  });
}

/** For each host its command, the one that starts etcd first. `words`: the arguments of `plan` without `--split`. */
export function splitCommands(profile: Profile, split: Split, words: readonly string[]): string {
  const hosts = splitOf(profile, split);
  const [head] = hosts;
  const blocks = hosts.map(({ host, components }) => {
    const join = host === head?.host ? [] : ['--join', `http://${head?.host}:2379`];
    const command = ['dynamo', 'up', ...words, '--only', components.join(','), ...join, '--advertise', host];
    return [`# on ${host}`, command.map(quote).join(' ')].join('\n');
  });
  return [
    ...blocks,
    `# The first starts etcd and waits for the others. On each host, "dynamo plan" with the same arguments lists the ports`,
    '# that must be open.',
  ].join('\n');
}
