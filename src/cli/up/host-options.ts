/** The options of `up` and `plan` for a deployment on several hosts. */
import type { Command } from 'commander';
import { DynamoError } from '../../base/error.ts';
import { listenAddress } from '../../host/listen-address.ts';
import type { PlanOptions } from '../../plan/request.ts';

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

/** The same options, and what these flags say. What a host joins is external; with another `--infra` that is refused. */
export function withHosts(options: PlanOptions, { only, join, advertise }: HostFlags): PlanOptions {
  if (only === undefined && join === undefined && advertise === undefined) return options;
  const infra = join !== undefined && options.infra === 'auto' ? 'external' : options.infra;
  return { ...options, infra, hosts: { only, join, advertise } };
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
