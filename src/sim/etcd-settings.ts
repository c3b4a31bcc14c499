/** How etcd is reached, from upstream's variables; runtime-contracts.md section 5.1. */
import { readFileSync } from 'node:fs';

export interface EtcdSettings {
  /** URLs without a slash at the end. */
  readonly endpoints: readonly string[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** PEM texts. */
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly leaseSeconds: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws what reading a certificate throws. */
export function etcdSettings(env: Environment): EtcdSettings {
  const given = (env['ETCD_ENDPOINTS'] || 'http://localhost:2379').split(',');
  const file = (name: string): Buffer | undefined => (env[name] ? readFileSync(env[name]) : undefined);
  const [ca, cert, key] = [file('ETCD_AUTH_CA'), file('ETCD_AUTH_CLIENT_CERT'), file('ETCD_AUTH_CLIENT_KEY')];
  return {
    endpoints: given
      .map((one) => one.trim().replace(/\/+$/, ''))
      .flatMap((one) => (one ? withScheme(one) : [])),
    username: env['ETCD_AUTH_USERNAME'] || undefined,
    password: env['ETCD_AUTH_PASSWORD'],
    tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
    // 10 s up to 1.5, 30 s in 1.6.1; the variable is honoured since 1.4. Source: upstream/verified.md section 8.
    leaseSeconds: Math.max(1, Math.floor(Number(env['ETCD_LEASE_TTL']) || 10)),
  };
}

function withScheme(endpoint: string): string {
  return endpoint.includes('://') ? endpoint : `http://${endpoint}`;
}
