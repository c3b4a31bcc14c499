/** How etcd is reached, from upstream's variables; docs/upstream/discovery.md#etcd. */
export interface EtcdSettings {
  /** URLs without a slash at the end. */
  readonly endpoints: readonly string[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** PEM texts. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly leaseSeconds: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Certificates stand in the variables themselves, as upstream takes them. Seen with 1.1.1 to 1.6.1. */
export function etcdSettings(env: Environment): EtcdSettings {
  const given = (env['ETCD_ENDPOINTS'] || 'http://localhost:2379').split(',');
  const { ETCD_AUTH_CA: ca, ETCD_AUTH_CLIENT_CERT: cert, ETCD_AUTH_CLIENT_KEY: key } = env;
  return {
    endpoints: given
      .map((one) => one.trim().replace(/\/+$/, ''))
      .flatMap((one) => (one ? withScheme(one) : [])),
    username: env['ETCD_AUTH_USERNAME'] || undefined,
    password: env['ETCD_AUTH_PASSWORD'],
    tls: { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
    // 10 s up to 1.5, 30 s in 1.6.1; the variable is honoured since 1.4. Source: docs/upstream/discovery.md#leases.
    leaseSeconds: Math.max(1, Math.floor(Number(env['ETCD_LEASE_TTL']) || 10)),
  };
}

function withScheme(endpoint: string): string {
  return endpoint.includes('://') ? endpoint : `http://${endpoint}`;
}
