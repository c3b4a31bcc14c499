/** A connection to NATS that reconnects by itself; the client is loaded only if it is used. */
import { readFileSync } from 'node:fs';
import type { NatsConnection } from '@nats-io/transport-node';
import { messageOf } from '../base/error-code.ts';
import { log } from './log.ts';
import { connectAtStart, sleep } from './wait.ts';
import { variables } from './variables.ts';

const target = 'dynamo_runtime::transports::nats';

const never = new AbortController().signal;

/** What KV events need from NATS. */
export interface Nats {
  /** Dropped while disconnected: everything is sent again after a reconnect anyway. */
  publish(subject: string, text: string): void;
  /** Survives a lost connection. Returns a function that ends it. */
  subscribe(subject: string, onText: (text: string) => void): () => void;
  /** Calls back after each reconnect: messages may have been missed. Returns a function that ends it. */
  onReturn(run: () => void): () => void;
  /** Resolves when the server has received everything, or after one second if it is unreachable. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Undefined if `stop` comes first; throws with upstream's message if NATS stays unreachable. */
export async function connectNats(stop: AbortSignal): Promise<Nats | undefined> {
  const { tls, servers, ...credentials } = natsSettings(variables);
  const { connect } = await import('./nats-client.ts');
  const options = {
    ...credentials,
    servers: [...servers],
    ...(tls === undefined ? {} : { tls }),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    // A restarting server may refuse credentials at first.
    ignoreAuthErrorAbort: true,
    // Detects a hung server within 15 s.
    pingInterval: 5_000,
    timeout: 2_000,
  };
  const connection = await connectAtStart('NATS', () => connect(options), stop);
  return connection === undefined ? undefined : overConnection(connection);
}

function overConnection(connection: NatsConnection): Nats {
  const returns = new Set<() => void>();
  let connected = true;
  const follow = async (): Promise<void> => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect' && connected) {
        connected = false;
        log('WARN', target, 'lost connection to NATS; reconnecting', { server: status.server });
      } else if (status.type === 'reconnect') {
        connected = true;
        log('INFO', target, 'reconnected to NATS', { server: status.server });
        for (const run of returns) run();
      } else if (status.type === 'error') {
        log('WARN', target, 'NATS error', { error: messageOf(status.error) });
      }
    }
  };
  void follow();
  return {
    publish: (subject, text) => {
      if (connected && !connection.isClosed()) connection.publish(subject, text);
    },
    subscribe: (subject, onText) => {
      const subscription = connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) onText(message.string());
        },
      });
      return () => subscription.unsubscribe();
    },
    onReturn: (run) => {
      returns.add(run);
      return () => void returns.delete(run);
    },
    flush: () => Promise.race([connection.flush().catch(() => {}), sleep(1_000, never)]),
    close: () => connection.close(),
  };
}

interface NatsSettings {
  /** `host:port`. */
  readonly servers: readonly string[];
  /** PEM texts. If absent, TLS is used only when the server requires it. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Credentials come from their own variables, or from the URL as `nats://user:password@host` or `nats://token@host`. Throws
 * what reading a certificate throws. Source: docs/upstream/discovery.md#nats.
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
