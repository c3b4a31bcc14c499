/** One deployment on several hosts: what this host runs, where the others reach it, and which ports must be open. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import type { Network } from '../engine/engine.ts';
import { meetingPoint } from '../engine/targets.ts';
import type { Profile } from '../profile/profile.ts';
import type { Choice, HostShare, ServingPlan, WorkersPlan } from './plan.ts';
import { rankFlags, requireMeetingPort } from './ranks.ts';
import type { HostAddress, HostFacts, HostsOptions, PlanOptions } from './request.ts';

/** Where the processes of this host listen, and which part of the deployment they are. */
export interface Placed {
  readonly network: Network;
  readonly share: Omit<HostShare, 'versions'>;
  readonly choices: readonly Choice[];
}

/** Throws `usage` when options contradict each other, or name something that does not exist. */
export function placeOn(options: PlanOptions, profile: Profile, host: HostFacts): Placed {
  const { hosts = {} } = options;
  requireCompatible(options);
  if (hosts.rank !== undefined) requireMeetingPort(hosts.rank, host);
  const components = componentsHere(hosts, profile);
  const { network, because } = networkFor(hosts, host.addresses ?? []);
  const elsewhere = Object.entries(profile.components).flatMap(([component, spec]) =>
    components.includes(component)
      ? []
      : [spec.kind === 'worker' ? { component, mode: spec.mode } : { component }],
  );
  return {
    network,
    share: { ...network, components, elsewhere },
    choices: [
      {
        what: 'address',
        value: network.address,
        because: `${because}; anyone who can reach it can use the ports of workers and etcd, without a password`,
      },
    ],
  };
}

/** Of a worker on several hosts, the one of rank 0 runs the rest as well, unless it is named. */
function componentsHere({ only, rank }: HostsOptions, profile: Profile): string[] {
  const all = Object.entries(profile.components);
  const here = only === undefined ? undefined : requireComponents(only, profile);
  return all.flatMap(([name, { kind }]) => {
    const takes = here === undefined ? (rank?.rank ?? 0) === 0 || kind === 'worker' : here.has(name);
    return takes ? [name] : [];
  });
}

function requireCompatible({ discovery, infra, runtime, hosts, persist }: PlanOptions): void {
  const conflicts: [given: boolean, flag: string, why: string][] = [
    [discovery === 'file', '--discovery file', 'processes on other hosts cannot read a folder of this one'],
    [runtime === 'docker', '--runtime docker', 'its containers publish their ports on loopback only'],
    [infra === 'docker', '--infra docker', 'its containers publish their ports on loopback only'],
    [infra === 'none', '--infra none', 'hosts find each other through etcd'],
    [
      hosts?.join !== undefined && infra !== 'auto' && infra !== 'external',
      `--infra ${infra}`,
      '--join names the etcd to use',
    ],
    [
      hosts?.join !== undefined && persist !== undefined,
      '--persist',
      'the etcd of --join keeps its own data',
    ],
  ];
  for (const [given, flag, why] of conflicts) {
    if (!given) continue;
    throw new DynamoError('usage', `${flag} does not work across hosts: ${why}.`, {
      hint: `leave ${flag} out`,
      fields: { option: flag },
    });
  }
}

/** Throws `usage` when the profile has no such component. */
export function requireComponents(
  only: readonly string[],
  { name, components }: Profile,
): ReadonlySet<string> {
  const all = Object.keys(components);
  const unknown = only.find((one) => !all.includes(one));
  if (unknown === undefined) return new Set(only);
  const meant = nearest(unknown, all);
  throw new DynamoError('usage', `Profile ${name} has no component ${unknown}.`, {
    hint: meant === undefined ? `its components: ${all.join(', ')}` : `did you mean ${meant}?`,
    fields: { asked: unknown, choices: all, nearest: meant },
  });
}

function networkFor(
  { join, advertise, rank }: HostsOptions,
  addresses: readonly HostAddress[],
): { network: Network; because: string } {
  if (advertise !== undefined) {
    const found = addresses.find(({ address }) => address === advertise);
    if (found === undefined) throw notHere(`--advertise ${advertise}`, addresses);
    return { network: found, because: '--advertise' };
  }
  if (rank?.rank === 0 && isIp(rank.meet.host)) {
    const found = addresses.find(({ address }) => address === rank.meet.host);
    if (found === undefined) throw notHere(`--dist-init-addr ${meetingPoint(rank)}`, addresses);
    return { network: found, because: '--dist-init-addr, where rank 0 listens' };
  }
  const etcd = join === undefined ? undefined : new URL(join).hostname.replace(/^\[|\]$/g, '');
  const near = addresses.filter((each) => etcd !== undefined && isWithin(etcd, each));
  if (near[0] !== undefined) return { network: near[0], because: `in the network of the etcd at ${etcd}` };
  // One of IPv6 is taken only where the other hosts have one, too.
  const wanted = etcd?.includes(':') === true;
  const [only, ...others] = addresses.filter(({ address }) => address.includes(':') === wanted);
  if (only !== undefined && others.length === 0) {
    return { network: only, because: 'the only address of this host besides loopback' };
  }
  throw new DynamoError('usage', 'Cannot tell which address of this host the other hosts can reach.', {
    details: addresses.map((each) => `  ${each.address} (${each.interface})`),
    hint: `--advertise ${only?.address ?? 'ADDRESS'}`,
    fields: { option: '--advertise', choices: addresses.map(({ address }) => address) },
  });
}

function isIp(host: string): boolean {
  return bits(host) !== undefined;
}

function notHere(asked: string, addresses: readonly HostAddress[]): DynamoError {
  return new DynamoError('usage', `${asked}: no interface of this host has that address.`, {
    details: addresses.map((each) => `  ${each.address} (${each.interface})`),
    hint: `--advertise ${addresses[0]?.address ?? 'ADDRESS'}`,
    fields: {
      option: '--advertise',
      asked: asked.split(' ')[1] ?? asked,
      choices: addresses.map(({ address }) => address),
    },
  });
}

/** `address` may be a host name: then it is in none of the networks. */
function isWithin(address: string, network: HostAddress): boolean {
  const [one, other] = [bits(address), bits(network.address)];
  if (one === undefined || other?.length !== one.length || network.prefix === 0) return false;
  return one.slice(0, network.prefix) === other.slice(0, network.prefix);
}

/** Of an IP address, as text of 32 or 128 digits. */
function bits(address: string): string | undefined {
  if (/^(\d{1,3}\.){3}\d{1,3}$/.test(address)) return binary(address.split('.'), 10, 8);
  if (!/^[\da-f:]+$/i.test(address) || !address.includes(':')) return undefined;
  const [head = [], tail] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const missing = Array.from({ length: 8 - head.length - (tail?.length ?? 0) }, () => '0');
  return binary(tail === undefined ? head : [...head, ...missing, ...tail], 16, 16);
}

function binary(parts: readonly string[], radix: number, width: number): string {
  return parts.map((part) => Number.parseInt(part, radix).toString(2).padStart(width, '0')).join('');
}

/** The commands for the other hosts, for the first lines of `up` on the host that starts etcd. */
export function joinChoices(
  { name, profile, share, infra }: Pick<ServingPlan | WorkersPlan, 'name' | 'profile' | 'share' | 'infra'>,
  rank: HostsOptions['rank'],
): Choice[] {
  const etcd = infra?.etcd?.addresses[0];
  if (share === undefined || etcd === undefined) return [];
  const rest = share.elsewhere.map(({ component }) => component);
  const named = name === profile.name ? '' : ` --name ${name}`;
  const ranks = rank === undefined ? [] : Array.from({ length: rank.of - 1 }, (_, i) => i + 1);
  return [
    ...ranks.map((index) => ({
      what: 'join',
      value: `dynamo up ${profile.name} ${rank === undefined ? '' : rankFlags(rank, index).join(' ')} --join ${etcd}${named}`,
      because: `on the host of rank ${index}, with the same settings`,
    })),
    ...(rest.length === 0
      ? []
      : [
          {
            what: 'join',
            value: `dynamo up ${profile.name} --only ${rest.join(',')} --join ${etcd}${named}`,
            because: `on the other host, with the same settings; or on several: --only ${rest[0]} and so on`,
          },
        ]),
  ];
}
