/** Where etcd and NATS should be: the plan says it, else the variables that Dynamo reads. */
import type { HostView } from './host-view.ts';

export interface Endpoints {
  /** Empty when nothing asks for it; then `because` says why. */
  readonly endpoints: readonly string[];
  readonly because: string;
}

type Facts = Pick<HostView, 'environment' | 'subject'>;

export function etcdEndpoints({ environment, subject }: Facts): Endpoints {
  const plan = subject?.plan;
  if (plan !== undefined) {
    if (plan.discovery.backend !== 'etcd') {
      return { endpoints: [], because: `discovery is ${plan.discovery.backend}: no etcd needed` };
    }
    return { endpoints: plan.discovery.endpoints.map(withScheme), because: 'the plan uses etcd' };
  }
  const variable = environment['ETCD_ENDPOINTS'];
  if (!variable) return { endpoints: [], because: 'nothing asks for etcd: ETCD_ENDPOINTS is not set' };
  return { endpoints: list(variable).map(withScheme), because: 'ETCD_ENDPOINTS is set' };
}

/** `host` and `port` of the first server. */
export function natsServer({ environment, subject }: Facts): {
  readonly server: { readonly host: string; readonly port: number } | undefined;
  readonly because: string;
} {
  const plan = subject?.plan;
  const url = plan === undefined ? environment['NATS_SERVER'] : plan.nats;
  if (!url) {
    const because =
      plan === undefined
        ? 'nothing asks for NATS: NATS_SERVER is not set'
        : `events are ${plan.events}: no NATS needed`;
    return { server: undefined, because };
  }
  const first = list(url)[0] ?? '';
  const parsed = new URL(first.includes('://') ? first : `nats://${first}`);
  return {
    server: { host: parsed.hostname.replace(/^\[|\]$/g, ''), port: Number(parsed.port || 4222) },
    because: '',
  };
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
}

function withScheme(endpoint: string): string {
  return (endpoint.includes('://') ? endpoint : `http://${endpoint}`).replace(/\/+$/, '');
}
