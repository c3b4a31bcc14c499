/** A real etcd for one test, and its contents, read without code from src. */
import { freePort } from '../../e2e/harness/ports.ts';
import { temporaryFolder } from '../../integration/sim/processes.ts';
import { startServer, type Server } from './server.ts';

export interface Etcd {
  readonly url: string;
  /** Only if it was started with a certificate. */
  readonly tlsUrl: string;
  readonly env: Readonly<Record<string, string>>;
  readonly server: () => Server;
  /** Restarts it on the same port after `server().kill()`. */
  restart(data: 'kept' | 'lost'): Promise<void>;
}

export interface Key {
  readonly key: string;
  readonly value: string;
  /** Decimal; `undefined` for a key without a lease. */
  readonly lease: string | undefined;
  /** How often it was written. */
  readonly version: number;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** `certificate`: PEM files for a second listener with TLS. */
export async function startEtcd(binary: string, certificate?: Certificate): Promise<Etcd> {
  const [client, peer, tls] = [await freePort(), await freePort(), await freePort()];
  const [url, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  const tlsUrl = `https://127.0.0.1:${tls}`;
  const clientUrls = certificate === undefined ? url : `${url},${tlsUrl}`;
  const run = (folder: string): Promise<Server> =>
    startServer(
      binary,
      [
        ['--data-dir', folder],
        ['--listen-client-urls', clientUrls],
        ['--advertise-client-urls', clientUrls],
        ['--listen-peer-urls', peerUrl],
        ['--initial-advertise-peer-urls', peerUrl],
        ['--initial-cluster', `default=${peerUrl}`],
        certificate === undefined ? [] : ['--cert-file', certificate.cert, '--key-file', certificate.key],
      ].flat(),
      `${url}/health`,
    );
  let folder = temporaryFolder();
  let server = await run(folder);
  return {
    url,
    tlsUrl,
    env: { DYN_DISCOVERY_BACKEND: 'etcd', ETCD_ENDPOINTS: url, DYN_EVENT_PLANE: 'zmq' },
    server: () => server,
    restart: async (data) => {
      if (data === 'lost') folder = temporaryFolder();
      server = await run(folder);
    },
  };
}

/** Everything under Dynamo's prefix. `token`: from `logIn`, if authentication is on. */
export async function keysIn(url: string, token?: string): Promise<Key[]> {
  const range = { key: base64('v1/'), range_end: base64('v10') };
  const { kvs = [] } = (await ask(url, '/v3/kv/range', range, token)) as { kvs?: Record<string, string>[] };
  return kvs.map(({ key = '', value = '', lease, version }) => ({
    key: text(key),
    value: text(value),
    lease,
    version: Number(version),
  }));
}

/** Seconds as granted, and how many are left. */
export async function leaseOf(url: string, id: string): Promise<{ granted: number; left: number }> {
  const answer = await ask(url, '/v3/lease/timetolive', { ID: id });
  const { grantedTTL, TTL } = answer as { grantedTTL?: string; TTL?: string };
  return { granted: Number(grantedTTL ?? 0), left: Number(TTL ?? 0) };
}

/** Turns authentication on, with one user `root` who may do everything. */
export async function lockEtcd(url: string, password: string): Promise<void> {
  await ask(url, '/v3/auth/user/add', { name: 'root', password });
  await ask(url, '/v3/auth/user/grant', { user: 'root', role: 'root' });
  await ask(url, '/v3/auth/enable', {});
}

/** As root, after `lockEtcd`. */
export async function logIn(url: string, password: string): Promise<string> {
  const answer = await ask(url, '/v3/auth/authenticate', { name: 'root', password });
  return (answer as { token: string }).token;
}

export async function ask(url: string, path: string, body: unknown, token?: string): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    ...(token === undefined ? {} : { headers: { authorization: token } }),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Under no lease. */
export async function putKey(url: string, key: string, value: string, token?: string): Promise<void> {
  await ask(url, '/v3/kv/put', { key: base64(key), value: base64(value) }, token);
}

export function base64(plain: string): string {
  return Buffer.from(plain).toString('base64');
}

function text(encoded: string): string {
  return Buffer.from(encoded, 'base64').toString();
}
