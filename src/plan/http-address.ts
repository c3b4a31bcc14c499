/** Where the frontend listens, and how this host reaches it. */
import type { Profile } from '../profile/profile.ts';
import type { Choice } from './plan.ts';
import { chooseHttpPort } from './ports.ts';
import type { HostFacts, PlanOptions } from './request.ts';

/** Upstream's default HTTP port. */
const defaultHttpPort = 8000;
/** The port that the frontend gets unless it is taken. */
export function wishedHttpPort(profile: Profile, options: PlanOptions): number {
  const frontend = Object.values(profile.components).find((spec) => spec.kind === 'frontend');
  return options.httpPort ?? frontend?.httpPort ?? defaultHttpPort;
}

export function planHttp(profile: Profile, options: PlanOptions, host: HostFacts) {
  const { port, choices } = chooseHttpPort({
    asked: options.httpPort,
    wished: wishedHttpPort(profile, options),
    busy: host.busyPorts,
  });
  const http = { host: options.httpHost ?? '127.0.0.1', port };
  return { ...http, url: planUrl(http), choices: [...choices, ...reachOf(http)] };
}

interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

/** Who else can call this, where it listens on more than loopback; said by the plan, by `up`, and by its panel. */
export function openTo({ host, port }: HttpAddress): string | undefined {
  if (/^(127\.|localhost\.?$|::1$)/.test(host)) return undefined;
  const place = listensEverywhere(host) ? 'an address of this host' : host;
  return `anybody who can reach ${place} on port ${port} can use it: there is no password`;
}

export function listensEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function reachOf(http: HttpAddress): Choice[] {
  const reach = openTo(http);
  return reach === undefined ? [] : [{ what: 'http host', value: http.host, because: reach }];
}

/** An address that this host can always call, also when the frontend listens on all of them. */
export function planUrl({ host, port }: HttpAddress): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
