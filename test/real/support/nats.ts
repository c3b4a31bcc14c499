/** A real nats-server for one test, and its subscriptions from the monitoring port. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../e2e/harness/ports.ts';
import { temporaryFolder } from '../../integration/sim/processes.ts';
import type { Signed } from './certificates.ts';
import { startServer, type Server } from './server.ts';

export interface Nats {
  /** `127.0.0.1:port`. */
  readonly address: string;
  readonly env: Readonly<Record<string, string>>;
  readonly server: () => Server;
  /** Restarts it on the same port after `server().kill()`. */
  restart(): Promise<void>;
  /** Subscribed subjects, one per subscriber. */
  subscriptions(): Promise<string[]>;
}

export async function startNats(binary: string, flags: readonly string[] = []): Promise<Nats> {
  const [port, monitor] = [await freePort(), await freePort()];
  const folder = temporaryFolder();
  const url = `http://127.0.0.1:${monitor}`;
  const argv = [
    ['-js', '--store_dir', folder],
    ['-a', '127.0.0.1', '-p', String(port), '-m', String(monitor)],
    flags,
  ].flat();
  const run = (): Promise<Server> => startServer(binary, argv, `${url}/healthz`);
  let server = await run();
  return {
    address: `127.0.0.1:${port}`,
    env: { DYN_EVENT_PLANE: 'nats', NATS_SERVER: `nats://127.0.0.1:${port}` },
    server: () => server,
    restart: async () => {
      server = await run();
    },
    subscriptions: async () => {
      const answer = (await (await fetch(`${url}/connz?subs=1`)).json()) as {
        connections: { subscriptions_list?: string[] }[];
      };
      return answer.connections.flatMap((connection) => connection.subscriptions_list ?? []);
    },
  };
}

/**
 * A server that requires the user `me` with this password, and with `files` a client certificate. Returns its URL.
 */
export async function startLockedNats(
  binary: string,
  password: string,
  files?: Omit<Signed, 'folder'>,
): Promise<string> {
  const config = join(temporaryFolder(), 'nats.conf');
  const tls =
    files === undefined
      ? ''
      : `tls { cert_file: "${files.cert}", key_file: "${files.key}", ca_file: "${files.ca}", verify: true }\n`;
  writeFileSync(config, `${tls}authorization { user: me, password: "${password}" }\n`);
  const { address } = await startNats(binary, ['-c', config]);
  return `nats://${address}`;
}
