/** How NATS is reached, from upstream's variables; docs/upstream/discovery.md#nats. */
import { readFileSync } from 'node:fs';

export interface NatsSettings {
  /** `host:port`. */
  readonly servers: readonly string[];
  /** PEM texts; absent where TLS is only used when the server wants it. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Who we are stands in variables of its own, or in the URL as `nats://user:password@host` or `nats://token@host`. Throws
 * what reading a certificate throws.
 */
export function natsSettings(env: Environment): NatsSettings {
  const urls = (env['NATS_SERVER'] || 'nats://localhost:4222')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
    .map((one) => new URL(one.includes('://') ? one : `nats://${one}`));
  const named = urls.find(({ username }) => username !== '');
  const [name, word] = [named?.username, named?.password].map((one) => decodeURIComponent(one ?? ''));
  const user = env['NATS_AUTH_USERNAME'] || (word ? name : undefined);
  const pass = env['NATS_AUTH_PASSWORD'] || word || undefined;
  const token = env['NATS_AUTH_TOKEN'] || (word ? undefined : name) || undefined;
  const tls = tlsFiles(env);
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port || '4222'}`),
    ...(urls.some(({ protocol }) => protocol === 'tls:') || Object.keys(tls).length > 0 ? { tls } : {}),
    ...(user && { user, ...(pass && { pass }) }),
    ...(!user && token && { token }),
  };
}

/** Source: docs/upstream/discovery.md#logins. */
function tlsFiles(env: Environment): NonNullable<NatsSettings['tls']> {
  const file = (name: string): string | undefined =>
    env[name] ? readFileSync(env[name], 'utf8') : undefined;
  const [ca, cert, key] = [
    file('NATS_TLS_CA_CERT_PATH'),
    file('NATS_TLS_CLIENT_CERT_PATH'),
    file('NATS_TLS_CLIENT_KEY_PATH'),
  ];
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}
