/** Where etcd and NATS should be: the plan says it, else the variables that Dynamo reads. */
import type { InfraName } from '../plan/infra.ts';
import type { HostView } from './host-view.ts';

export interface Endpoints {
  /** Empty when there is nobody to ask; then `because` says why. */
  readonly addresses: readonly string[];
  readonly because: string;
}

const titles: Readonly<Record<InfraName, string>> = { etcd: 'etcd', nats: 'NATS' };
const variables: Readonly<Record<InfraName, string>> = { etcd: 'ETCD_ENDPOINTS', nats: 'NATS_SERVER' };

/** What the plan starts itself cannot answer yet. */
export function endpointsOf(
  name: InfraName,
  { environment, subject }: Pick<HostView, 'environment' | 'subject'>,
): Endpoints {
  const plan = subject?.plan;
  if (plan === undefined) {
    const value = environment[variables[name]];
    const because = `nothing asks for ${titles[name]}: ${variables[name]} is not set`;
    return { addresses: value ? list(value) : [], because };
  }
  const use = plan.infra?.[name];
  if (use === undefined) {
    const planes = `discovery is ${plan.discovery.backend}, events are ${plan.events}`;
    return { addresses: [], because: `${planes}: no ${titles[name]} needed` };
  }
  if (use.from === 'process' || use.from === 'docker') {
    const place = use.from === 'process' ? use.path : `a container of ${use.image}`;
    return { addresses: [], because: `the plan starts its own ${titles[name]}: ${place}, ${use.version}` };
  }
  return { addresses: use.addresses, because: '' };
}

/** Addresses of etcd as URLs without a path. */
export function etcdUrls(addresses: readonly string[]): string[] {
  return addresses.map((each) => (each.includes('://') ? each : `http://${each}`).replace(/\/+$/, ''));
}

/** Host and port of a NATS address such as `nats://127.0.0.1:4222`. */
export function natsAddress(address: string): { readonly host: string; readonly port: number } {
  const url = new URL(address.includes('://') ? address : `nats://${address}`);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 4222) };
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
}
