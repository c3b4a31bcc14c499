/** What `dynamo plan` prints for several hosts: the ports that must be open, and which host runs what. */
import { DynamoError } from '../base/error.ts';
import type { Profile } from '../profile/profile.ts';
import { requireComponents } from './hosts.ts';
import type { ProcessSpec } from './plan.ts';

/** Ports of one host that processes on the others connect to. */
export interface OpenPort {
  readonly process: string;
  readonly port: number | 'ephemeral';
  readonly by: Dialler;
  readonly from: string;
  readonly what: string;
}

/** What connects to it. */
export type Dialler = 'all' | 'frontend' | 'requests' | 'worker' | 'decode' | 'rank';

const reached: Readonly<
  Record<string, { readonly by: Dialler; readonly from: string; readonly what: string }>
> = {
  client: { by: 'all', from: 'every host', what: 'etcd' },
  rpc: { by: 'requests', from: 'the host of the frontend, and of prefill workers', what: 'requests' },
  system: { by: 'frontend', from: 'the host of the frontend', what: 'tokenizer and status' },
  stream: { by: 'worker', from: 'hosts of workers', what: 'answers' },
  bootstrap: { by: 'decode', from: 'hosts of decode workers', what: 'hand-over of the KV cache' },
  ranks: { by: 'rank', from: 'the hosts of the other ranks', what: 'the ranks meet' },
  kvEvents: { by: 'frontend', from: 'the host of the frontend', what: 'KV events' },
};

/** Whether processes of this plan connect to such a port of another host. */
export function dials(processes: readonly ProcessSpec[], by: Dialler): boolean {
  const runs = (holds: (spec: ProcessSpec) => boolean): boolean => processes.some(holds);
  switch (by) {
    case 'all':
      return true;
    case 'frontend':
      return runs(({ kind }) => kind === 'frontend');
    case 'requests':
      return runs(({ kind, mode }) => kind === 'frontend' || mode === 'prefill');
    case 'worker':
      return runs(({ kind, rank }) => kind === 'worker' && (rank?.rank ?? 0) === 0);
    case 'decode':
      return runs(({ mode }) => mode === 'decode');
    case 'rank':
      return runs(({ rank }) => rank !== undefined);
  }
}

/**
 * Which ports must be open between the hosts. Events of ZeroMQ and the transfer of the KV cache use ports that the
 * kernel chooses. Seen with the mocker of 1.6.1.
 */
export function openPorts(processes: readonly ProcessSpec[]): OpenPort[] {
  return processes.flatMap(({ name, kind, ports, rank }): OpenPort[] => [
    ...Object.entries(ports).flatMap(([port, number]): OpenPort[] => {
      const use = reached[port];
      return use === undefined ? [] : [{ process: name, port: number, ...use }];
    }),
    ...(kind === 'worker'
      ? [
          {
            process: name,
            port: 'ephemeral' as const,
            by: 'all' as const,
            from: 'all hosts of this deployment',
            what:
              rank === undefined
                ? 'events, and the transfer of the KV cache'
                : 'NCCL and Gloo, events, transfer',
          },
        ]
      : []),
  ]);
}

/** Which host runs which component. */
export type Split = readonly { readonly component: string; readonly host: string }[];

/**
 * The components of each host, the host of the frontend first: it starts etcd. Unless it is named, the frontend goes to the
 * first host. Throws `usage` when a component is not in the profile, or on no host.
 */
export function splitOf(
  profile: Profile,
  split: Split,
): { readonly host: string; readonly components: readonly string[] }[] {
  const all = Object.entries(profile.components);
  const names = all.map(([name]) => name);
  requireComponents(
    split.map(({ component }) => component),
    profile,
  );
  const hostOf = new Map(split.map(({ component, host }) => [component, host]));
  for (const [name, spec] of all) {
    if (spec.kind === 'frontend' && !hostOf.has(name)) hostOf.set(name, split[0]?.host ?? '');
    if (hostOf.has(name)) continue;
    throw new DynamoError('usage', `--split names no host for ${name}.`, {
      hint: `add ${name}=HOST`,
      fields: { option: '--split', asked: name },
    });
  }
  const frontend = all.find(([, spec]) => spec.kind === 'frontend')?.[0] ?? '';
  const hosts = [...new Set([hostOf.get(frontend) ?? '', ...hostOf.values()])];
  return hosts.map((host) => ({ host, components: names.filter((name) => hostOf.get(name) === host) }));
}
