/** Gives every process its ports, together and at once, so that no two ever share one; and the frontend its HTTP address. */
import { DynamoError } from '../base/error.ts';
import type { Profile } from '../profile/profile.ts';
import { loopback, type Network } from '../engine/engine.ts';
import type { Choice } from './plan.ts';
import type { HostFacts, PlanOptions } from './request.ts';

/** Upstream reads DYN_SYSTEM_PORT as a signed 16-bit number; ports below 10000 are often used by other services. */
export const firstPort = 10_000;
export const lastPort = 32_767;
const highestPort = 65_535;

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * `DYNAMO_PORTS=12000-12999` restricts the ports that are used, for example for CI jobs that share a host but not their
 * state. Throws `environment` for anything but two ports within the default range.
 */
export function portRange({ DYNAMO_PORTS: text }: Readonly<Record<string, string | undefined>>): PortRange {
  if (text === undefined || text === '') return { first: firstPort, last: lastPort };
  const [, first, last] = (/^(\d+)-(\d+)$/.exec(text) ?? []).map(Number);
  if (first !== undefined && last !== undefined && firstPort <= first && first <= last && last <= lastPort) {
    return { first, last };
  }
  throw new DynamoError(
    'environment',
    `DYNAMO_PORTS=${text}: expected two ports from ${firstPort} to ${lastPort}, such as 12000-12999.`,
    { hint: 'unset DYNAMO_PORTS', fields: { variable: 'DYNAMO_PORTS', asked: text } },
  );
}

export interface PortPool {
  /** The next free port; throws `busy` when there is none. */
  take(): number;
}

/**
 * Hands out free ports in an order that depends on `seed`, so that runs that start at the same time rarely collide.
 * The same seed and the same busy ports give the same ports.
 */
export function portPool(
  seed: string,
  isBusy: (port: number) => boolean,
  { first, last }: PortRange,
  reserved: readonly number[] = [],
): PortPool {
  const size = last - first + 1;
  const taken = new Set(reserved);
  let next = hash(seed) % size;
  return {
    take: () => {
      for (let tried = 0; tried < size; tried++) {
        const port = first + next;
        next = (next + 1) % size;
        if (taken.has(port) || isBusy(port)) continue;
        taken.add(port);
        return port;
      }
      throw new DynamoError('busy', `No free port between ${first} and ${last}.`, {
        hint: 'ss -ltnp   # lists listening processes',
        fields: { firstPort: first, lastPort: last },
      });
    },
  };
}

export interface HttpPortRequest {
  /** From the command line: used or refused, never changed. */
  readonly asked: number | undefined;
  /** From the profile, or 8000: if it is in use, the next free one is chosen. */
  readonly preferred: number;
  readonly busy: ReadonlyMap<number, string>;
}

/** Throws `busy`, naming the process, when the requested port is in use. */
export function chooseHttpPort({ asked, preferred, busy }: HttpPortRequest): {
  port: number;
  choices: Choice[];
} {
  if (asked !== undefined) {
    const holder = busy.get(asked);
    if (holder === undefined) return { port: asked, choices: [] };
    throw new DynamoError('busy', `--http-port ${asked}: the port is in use by ${holder}.`, {
      hint: `omit --http-port to get a free port, or stop ${holder}`,
      fields: { port: asked, holder },
    });
  }
  const holder = busy.get(preferred);
  if (holder === undefined) return { port: preferred, choices: [] };
  let port = preferred;
  while (busy.has(port)) port = port < highestPort ? port + 1 : firstPort;
  return {
    port,
    choices: [{ what: 'http port', value: String(port), because: `${preferred} is in use by ${holder}` }],
  };
}

/** FNV-1a: distributes seeds well enough, and gives the same result on every platform. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return value;
}

/** Upstream's default HTTP port. */
const defaultHttpPort = 8000;
/** The port of the frontend unless it is in use. */
export function preferredHttpPort(profile: Profile, options: PlanOptions): number {
  const frontend = Object.values(profile.components).find((spec) => spec.kind === 'frontend');
  return options.httpPort ?? frontend?.httpPort ?? defaultHttpPort;
}

export function planHttp(profile: Profile, options: PlanOptions, host: HostFacts) {
  const { port, choices } = chooseHttpPort({
    asked: options.httpPort,
    preferred: preferredHttpPort(profile, options),
    busy: host.busyPorts,
  });
  const http = { host: options.httpHost ?? '127.0.0.1', port };
  return { ...http, url: planUrl(http), choices: [...choices, ...reachOf(http)] };
}

interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

/** A warning when the frontend listens beyond loopback; shown by `plan`, by `up`, and in its panel. */
export function openTo({ host, port }: HttpAddress): string | undefined {
  if (/^(127\.|localhost\.?$|::1$)/.test(host)) return undefined;
  const place = listensEverywhere(host) ? 'an address of this host' : host;
  return `anyone who can reach ${place} on port ${port} can use it: there is no password`;
}

export function listensEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function reachOf(http: HttpAddress): Choice[] {
  const reach = openTo(http);
  return reach === undefined ? [] : [{ what: 'http host', value: http.host, because: reach }];
}

/** A URL that works on this host, also when the frontend listens on all addresses. */
export function planUrl({ host, port }: HttpAddress): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return hostUrl(host, port);
}

/** IPv6 addresses stand in brackets. */
export function hostUrl(host: string, port: number | undefined): string {
  return `http://${bracketed(host)}:${port}`;
}

export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Where the status server of a worker is reached from this host. */
export function statusUrl(
  { share }: { readonly share?: Network | undefined },
  port: number | undefined,
): string {
  return hostUrl((share ?? loopback).address, port);
}
