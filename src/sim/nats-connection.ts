/** A connection to NATS that comes back by itself; the client is loaded only where it is used. */
import type { NatsConnection } from '@nats-io/transport-node';
import { messageOf } from '../base/error-code.ts';
import { log } from './log.ts';
import { natsSettings } from './nats-settings.ts';
import { sleep } from './sleep.ts';
import { connectAtStart } from './startup.ts';

const target = 'dynamo_runtime::transports::nats';

const never = new AbortController().signal;

/** What KV events need of NATS. */
export interface Nats {
  /** Dropped while there is no connection: who comes back must tell everything anyway. */
  publish(subject: string, text: string): void;
  /** Survives a lost connection. Returns how to end it. */
  subscribe(subject: string, onText: (text: string) => void): () => void;
  /** Calls each time a lost connection is back: messages may be missing. Returns how to end it. */
  onReturn(run: () => void): () => void;
  /** Resolves when the server has all that was sent, or after a second: it may be away. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Undefined when `stop` came first; throws in upstream's words when there is no NATS for too long. */
export async function connectNats(stop: AbortSignal): Promise<Nats | undefined> {
  const { tls, servers, ...credentials } = natsSettings(process.env);
  const { connect } = await import('./nats-client.ts');
  const options = {
    ...credentials,
    servers: [...servers],
    ...(tls === undefined ? {} : { tls }),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 500,
    // A server that is only being restarted may know us again later.
    ignoreAuthErrorAbort: true,
    // A server that hangs is noticed within 15 s.
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
