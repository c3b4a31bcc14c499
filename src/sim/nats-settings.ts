/** How NATS is reached, from upstream's variables; runtime-contracts.md section 5.3. */

export interface NatsSettings {
  /** `host:port`. */
  readonly servers: readonly string[];
  readonly tls: boolean;
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Who we are stands in variables of its own, or in the URL as `nats://user:password@host` or `nats://token@host`. */
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
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port || '4222'}`),
    tls: urls.some(({ protocol }) => protocol === 'tls:'),
    ...(user && { user, ...(pass && { pass }) }),
    ...(!user && token && { token }),
  };
}
