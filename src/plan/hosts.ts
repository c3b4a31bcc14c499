/** One deployment on several hosts: what this host runs, where the others reach it, and which ports must be open. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { loopback, type Network } from '../engine/engine.ts';
import type { Profile } from '../profile/profile.ts';
import type { Choice, HostShare, ServingPlan, WorkersPlan } from './plan.ts';
import type { HostAddress, HostFacts, HostsOptions, PlanOptions } from './request.ts';

/** Where the processes of this host listen, and which part of the deployment they are. `share` is absent if they are all of it. */
export interface Placed {
  readonly network: Network;
  readonly share?: HostShare;
  readonly choices: readonly Choice[];
}

export function spansHosts({ hosts = {} }: Pick<PlanOptions, 'hosts'>): boolean {
  return [hosts.only, hosts.join, hosts.advertise].some((option) => option !== undefined);
}

/** Throws `usage` when options contradict each other, or name something that does not exist. */
export function placeOn(options: PlanOptions, profile: Profile, host: HostFacts): Placed {
  if (!spansHosts(options)) return { network: loopback, choices: [] };
  const { hosts = {} } = options;
  const { only } = hosts;
  requireCompatible(options);
  const all = Object.keys(profile.components);
  const components =
    only === undefined ? all : all.filter((name) => requireComponents(only, profile).has(name));
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
        because: `${because}; there is no password: anyone who can reach it can use the ports of workers and etcd`,
      },
    ],
  };
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
  { join, advertise }: HostsOptions,
  addresses: readonly HostAddress[],
): { network: Network; because: string } {
  if (advertise !== undefined) {
    const found = addresses.find(({ address }) => address === advertise);
    if (found === undefined) throw notHere(advertise, addresses);
    return { network: found, because: '--advertise' };
  }
  const etcd = join === undefined ? undefined : new URL(join).hostname;
  const near = addresses.filter((each) => etcd !== undefined && isWithin(etcd, each));
  if (near[0] !== undefined) return { network: near[0], because: `in the network of the etcd at ${etcd}` };
  const [only, ...others] = addresses;
  if (only !== undefined && others.length === 0) {
    return { network: only, because: 'the only address of this host besides loopback' };
  }
  throw new DynamoError('usage', 'Cannot tell which address of this host the other hosts can reach.', {
    details: addresses.map((each) => `  ${each.address} (${each.interface})`),
    hint: `--advertise ${only?.address ?? 'ADDRESS'}`,
    fields: { option: '--advertise', choices: addresses.map(({ address }) => address) },
  });
}

function notHere(asked: string, addresses: readonly HostAddress[]): DynamoError {
  return new DynamoError('usage', `--advertise ${asked}: no interface of this host has that address.`, {
    details: addresses.map((each) => `  ${each.address} (${each.interface})`),
    hint: `--advertise ${addresses[0]?.address ?? 'ADDRESS'}`,
    fields: { option: '--advertise', asked, choices: addresses.map(({ address }) => address) },
  });
}

/** `address` may be a host name or IPv6: then it is in none of the networks. */
function isWithin(address: string, network: HostAddress): boolean {
  const [one, other] = [bits(address), bits(network.address)];
  if (one === undefined || other === undefined || network.prefix === 0) return false;
  const mask = -1 << (32 - network.prefix);
  return (one & mask) === (other & mask);
}

function bits(address: string): number | undefined {
  if (!/^(\d{1,3}\.){3}\d{1,3}$/.test(address)) return undefined;
  return address.split('.').reduce((sum, part) => (sum << 8) | Number(part), 0);
}

/** The commands for the other hosts, for the first lines of `up`; none if another host started etcd. */
export function joinChoices(
  { name, profile, share, infra }: Pick<ServingPlan | WorkersPlan, 'name' | 'profile' | 'share' | 'infra'>,
  etcdIsOurs: boolean,
): Choice[] {
  const etcd = infra?.etcd?.addresses[0];
  if (share === undefined || !etcdIsOurs || etcd === undefined || share.elsewhere.length === 0) return [];
  const rest = share.elsewhere.map(({ component }) => component);
  const named = name === profile.name ? '' : ` --name ${name}`;
  return [
    {
      what: 'join',
      value: `dynamo up ${profile.name} --only ${rest.join(',')} --join ${etcd}${named}`,
      because: `on the other host, with the same settings; or on several: --only ${rest[0]} and so on`,
    },
  ];
}
