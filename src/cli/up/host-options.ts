/** The options of `up` and `plan` for a deployment on several hosts. */
import { isIPv4 } from 'node:net';
import type { Command } from 'commander';
import type { PlanOptions } from '../../plan/request.ts';
import { badValue } from './deployment-options.ts';

export interface HostFlags {
  readonly only?: readonly string[];
  readonly join?: string;
  readonly advertise?: string;
}

export function addHostOptions(command: Command): Command {
  return command
    .option('--only <components>', 'run only these components here, the others on other hosts', names)
    .option('--join <url>', 'etcd of the deployment, on the host that started it', etcdUrl)
    .option('--advertise <address>', 'address under which the other hosts reach this one', hostAddress);
}

/** The same options with these flags. The etcd that a host joins is external; another `--infra` is refused. */
export function withHosts(options: PlanOptions, { only, join, advertise }: HostFlags): PlanOptions {
  if (only === undefined && join === undefined && advertise === undefined) return options;
  const infra = join !== undefined && options.infra === 'auto' ? 'external' : options.infra;
  return { ...options, infra, hosts: { only, join, advertise } };
}

function names(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.includes('')) throw badValue('--only', text, 'expected components, such as frontend,prefill');
  return items;
}

/** Without a login: upstream reads that from variables, and every user can see a command line. */
function etcdUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '' || url.pathname !== '/') {
    throw badValue('--join', text, 'expected the URL of an etcd, such as http://10.0.0.1:2379');
  }
  if (url.username === '' && url.password === '') return url.origin;
  throw badValue(
    '--join',
    text,
    'expected no login; export ETCD_AUTH_USERNAME and ETCD_AUTH_PASSWORD instead',
  );
}

function hostAddress(text: string): string {
  if (isIPv4(text) && !/^(127\.|0\.)/.test(text)) return text;
  throw badValue(
    '--advertise',
    text,
    'expected an IPv4 address that other hosts can reach, such as 10.0.0.1',
  );
}
