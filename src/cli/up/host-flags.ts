/** Reads the options for several hosts. */
import { isIPv4, isIPv6 } from 'node:net';
import { DynamoError } from '../../base/error.ts';
import type { Rank } from '../../engine/engine.ts';
import { hostUrl } from '../../plan/ports.ts';
import type { HostsOptions } from '../../plan/request.ts';
import { wholeNumber } from '../flag-values.ts';
import { badValue } from './deployment-options.ts';
import type { HostFlags } from './host-options.ts';

/** Throws `usage` for a bad value, and for a rank that is not fully named. */
export function hostsOf(flags: HostFlags): HostsOptions {
  const { only, join, advertise } = flags;
  return {
    only: only === undefined ? undefined : names(only),
    join: join === undefined ? undefined : etcdUrl(join),
    advertise: advertise === undefined ? undefined : hostAddress(advertise),
    rank: rankOf(flags),
  };
}

/** How many hosts, and where their ranks meet, if that is named. Throws `usage` for a bad value. */
export function meetingOf({ nnodes = '', distInitAddr }: HostFlags): {
  readonly hosts: number;
  readonly meet: Rank['meet'] | undefined;
} {
  return {
    hosts: count('--nnodes', nnodes, 2),
    meet: distInitAddr === undefined ? undefined : meetingPlace(distInitAddr),
  };
}

function names(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.includes('')) throw badValue('--only', text, 'expected components, such as frontend,prefill');
  return items;
}

/** A login is not part of it: upstream reads that from variables, and a command line is for everybody to see. */
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
  const reached = isIPv4(text) ? !/^(127\.|0\.)/.test(text) : isIPv6(text) && !/^(fe80:|::1?$)/i.test(text);
  if (reached) return text.toLowerCase();
  throw badValue('--advertise', text, 'expected an address that other hosts can reach, such as 10.0.0.1');
}

/** Throws `usage` unless all three flags are given and agree, and where the etcd of the other hosts is not named. */
function rankOf(flags: HostFlags): Rank | undefined {
  const given: [flag: string, value: string | undefined][] = [
    ['--nnodes', flags.nnodes],
    ['--node-rank', flags.nodeRank],
    ['--dist-init-addr', flags.distInitAddr],
  ];
  if (given.every(([, value]) => value === undefined)) return undefined;
  const missing = given.find(([, value]) => value === undefined);
  if (missing !== undefined) {
    throw new DynamoError('usage', `${missing[0]} is missing: one worker on several hosts needs all three.`, {
      details: [`They are ${given.map(([flag]) => flag).join(', ')}.`],
      hint: 'dynamo plan PROFILE --nnodes 2   # prints the command of each host',
      fields: { option: missing[0] },
    });
  }
  const { hosts, meet } = meetingOf(flags);
  const rank = count('--node-rank', flags.nodeRank ?? '', 0);
  if (meet === undefined || rank >= hosts)
    throw badValue('--node-rank', String(rank), `expected a number from 0 to ${hosts - 1}`);
  if (rank > 0 && flags.join === undefined) {
    throw new DynamoError('usage', `--node-rank ${rank}: --join is missing.`, {
      details: ['All hosts use one etcd. `dynamo up` on the host of rank 0 starts it, and prints its URL.'],
      hint: `--join ${hostUrl(meet.host, 2379)}`,
      fields: { option: '--join' },
    });
  }
  return { rank, of: hosts, meet };
}

function count(flag: string, text: string, lowest: number): number {
  const value = wholeNumber(text, lowest, 64);
  if (value === undefined) throw badValue(flag, text, `expected a number from ${lowest} to 64`);
  return value;
}

function meetingPlace(text: string): Rank['meet'] {
  const [, bracketed, plain, digits = ''] = /^(?:\[([\da-fA-F:]+)\]|([\w.-]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = wholeNumber(digits, 1024, 65_535);
  if (host === undefined || port === undefined || /^(127\.|0\.|localhost$|::1$)/.test(host)) {
    throw badValue('--dist-init-addr', text, 'expected address and port of rank 0, such as 10.0.0.1:29500');
  }
  return { host, port };
}
