/**
 * An external etcd: whether it answers and accepts writes, its alarms, and the removal of a run's
 * keys.
 */
import { DynamoError } from '../base/error.ts';
import { roomCommand } from '../plan/infra-programs.ts';
import type { ExternalInfra } from '../plan/infra.ts';
import type { Environment } from '../base/environment.ts';
import { type EtcdSession, etcdSession, firstAnswering, withScheme } from './etcd-session.ts';
import { isSilence, reasonOf } from './reach.ts';

/** Whether an external etcd answers, before anything starts. Reads only. `endpoints`: as in ETCD_ENDPOINTS. `profileKey`: the key of the profile that names it. */
export async function lookAtEtcd(
  endpoints: string,
  environment: Environment,
  profileKey?: string,
): Promise<ExternalInfra> {
  const addresses = endpoints.split(',').map((part) => withScheme(part.trim()));
  const silent: string[] = [];
  for (const address of addresses) {
    try {
      const { etcdserver } = await etcdSession(address, environment).get('/version');
      if (typeof etcdserver === 'string') return { addresses, version: etcdserver };
      return { addresses, wrong: `${address}/version is not from etcd` };
    } catch (error) {
      if (!isSilence(error)) {
        const reason = reasonOf(error);
        return { addresses, wrong: `${address}: ${reason}`, fix: hintFor(reason, address, profileKey) };
      }
      silent.push(addresses.length > 1 ? `${address}: ${reasonOf(error)}` : reasonOf(error));
    }
  }
  return { addresses, silent: silent.join(', ') };
}

/** The key that is written to check write access; below a prefix that nobody reads. */
function trialKey(namespace: string): string {
  return `v1/launcher/${namespace}/trial`;
}

/**
 * Writes a key under a lease, reads it, and removes both. Throws `unavailable`: a run that cannot write would wait for its
 * workers forever.
 */
export async function checkEtcd(
  addresses: readonly string[],
  namespace: string,
  environment: Environment,
  profileKey?: string,
): Promise<void> {
  const key = base64(trialKey(namespace));
  let place = addresses.join(',');
  try {
    const { address, session } = await firstAnswering(addresses, environment);
    place = address;
    const { call } = session;
    const { ID: lease } = await call('lease/grant', { TTL: 10 });
    await call('kv/put', { key, value: base64('dynamo'), lease });
    const { count } = await call('kv/range', { key, count_only: true });
    await call('lease/revoke', { ID: lease });
    if (count !== '1') throw new Error('a key that was written could not be read');
  } catch (error) {
    throw new DynamoError('unavailable', `etcd at ${place} cannot be used: ${reasonOf(error)}.`, {
      hint: hintFor(reasonOf(error), place, profileKey),
      fields: { address: place, key: profileKey },
    });
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function hintFor(reason: string, address: string, profileKey: string | undefined): string {
  const hints = profileKey === undefined ? inEnvironment : inProfile;
  if (/authentication is not enabled/.test(reason)) return hints.noLogin;
  if (/authentication failed|auth token|user name|permission denied/.test(reason)) return hints.login;
  if (/certificate|authority|TLS|SSL|ENOENT|EACCES/i.test(reason)) return hints.certificate;
  if (/space exceeded/.test(reason)) return roomCommand(address);
  return hints.other;
}

const inEnvironment = {
  noLogin: 'unset ETCD_AUTH_USERNAME ETCD_AUTH_PASSWORD',
  login: 'export ETCD_AUTH_USERNAME=… ETCD_AUTH_PASSWORD=…   # of a user with write access below v1/',
  certificate: 'export ETCD_AUTH_CA=ca.pem   # and ETCD_AUTH_CLIENT_CERT, ETCD_AUTH_CLIENT_KEY',
  other: 'start it, or: unset ETCD_ENDPOINTS',
};

const inProfile = {
  noLogin: 'remove infra.etcd.username and infra.etcd.password from the profile',
  login:
    'correct infra.etcd.username and infra.etcd.password in the profile   # a user with write access below v1/',
  certificate:
    'tls: {ca: /ca.pem, cert: /cert.pem, key: /key.pem}   # below infra.etcd of the profile; Dynamo requires all three',
  other: 'start it, or use another: --infra process',
};

interface Swept {
  readonly before: number;
  readonly after: number;
}

/** Everything that Dynamo writes is below this prefix. Source: docs/upstream/discovery.md#keys. */
const root = 'v1/';

/** Counts the keys of the run, deletes them, and counts again. Rejects if etcd does not answer or denies access. */
export async function sweepEtcd(
  addresses: readonly string[],
  namespace: string,
  environment: Environment,
): Promise<Swept> {
  const { session } = await firstAnswering(addresses, environment);
  const keys = async (): Promise<string[]> =>
    (await keysBelow(root, session)).filter((key) => isOf(namespace, key));
  const before = await keys();
  for (const key of before) await session.call('kv/deleterange', { key: base64(key) });
  return { before: before.length, after: before.length === 0 ? 0 : (await keys()).length };
}

/** Deletes the keys below `prefix` that are wanted. Rejects if etcd does not answer or denies access. */
export async function deleteKeys(
  addresses: readonly string[],
  prefix: string,
  isWanted: (key: string) => boolean,
  environment: Environment,
): Promise<void> {
  const { session } = await firstAnswering(addresses, environment);
  for (const key of (await keysBelow(prefix, session)).filter(isWanted))
    await session.call('kv/deleterange', { key: base64(key) });
}

/** What is below `prefix`, by key. Rejects if etcd does not answer or denies access. */
export async function valuesBelow(
  addresses: readonly string[],
  prefix: string,
  environment: Environment,
): Promise<Map<string, string>> {
  const { session } = await firstAnswering(addresses, environment);
  return await range(prefix, { keysOnly: false }, session);
}

async function keysBelow(prefix: string, session: EtcdSession): Promise<string[]> {
  return [...(await range(prefix, { keysOnly: true }, session)).keys()];
}

const decoded = (value: unknown): string =>
  typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';

async function range(
  prefix: string,
  { keysOnly }: { readonly keysOnly: boolean },
  { call }: EtcdSession,
): Promise<Map<string, string>> {
  const { kvs } = await call('kv/range', {
    key: base64(prefix),
    range_end: base64(after(prefix)),
    keys_only: keysOnly,
  });
  const all = Array.isArray(kvs) ? (kvs as { key?: unknown; value?: unknown }[]) : [];
  return new Map(
    all.flatMap(({ key, value }) => (typeof key === 'string' ? [[decoded(key), decoded(value)]] : [])),
  );
}

/**
 * Whether a key belongs to a namespace. Keys are v1/BUCKET/NAMESPACE/…, for events of 1.6 v1/BUCKET/namespace/NAMESPACE/…, and
 * v1/NAMESPACE/COMPONENT/… for a component's own data: a planner stores its targets there, without a lease, and the next run
 * with that namespace would start from them.
 * Source: docs/upstream/discovery.md#keys.
 */
export function isOf(namespace: string, key: string): boolean {
  const [version, bucket, first, second] = key.split('/');
  if (version !== 'v1') return false;
  return (
    first === namespace ||
    (first === 'namespace' && second === namespace) ||
    (bucket === namespace && first !== undefined && !buckets.has(bucket)) ||
    key === trialKey(namespace)
  );
}

/** Upstream's buckets hold the keys of all namespaces, even if a namespace has the same name. */
const buckets = new Set(['instances', 'mdc', 'event_channels', 'event_sources', 'launcher']);

/** The first key that does not begin with `prefix`. */
function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCodePoint((prefix.codePointAt(prefix.length - 1) ?? 0) + 1);
}

type Alarm = 'NOSPACE' | 'CORRUPT';

/** Whether etcd has raised an alarm. Reads only. Rejects if etcd does not answer or denies access. */
export async function hasAlarm(
  wanted: Alarm,
  addresses: readonly string[],
  environment: Environment,
): Promise<boolean> {
  const { session } = await firstAnswering(addresses, environment);
  const { alarms } = await session.call('maintenance/alarm', { action: 'GET' });
  const given: readonly unknown[] = Array.isArray(alarms) ? alarms : [];
  return given.some(
    (each) => typeof each === 'object' && each !== null && 'alarm' in each && each.alarm === wanted,
  );
}
