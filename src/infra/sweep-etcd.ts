/** Removes what a run left in an etcd that others use, too: keys under its own namespace and nothing else. */
import { base64, trialKey } from './external-etcd.ts';
import type { Environment } from '../base/environment.ts';
import { firstAnswering } from './etcd-session.ts';

export interface Swept {
  readonly before: number;
  readonly after: number;
}

/** All that Dynamo writes stands below this. Source: docs/upstream/discovery.md#keys. */
const root = 'v1/';

/** Counts the run's keys, deletes them, counts again. Rejects when that etcd does not answer or does not let us. */
export async function sweepEtcd(
  addresses: readonly string[],
  namespace: string,
  environment: Environment,
): Promise<Swept> {
  const { session } = await firstAnswering(addresses, environment);
  const { call } = session;
  const keys = async (): Promise<string[]> => {
    const { kvs } = await call('kv/range', {
      key: base64(root),
      range_end: base64(after(root)),
      keys_only: true,
    });
    return (Array.isArray(kvs) ? (kvs as { key?: unknown }[]) : [])
      .flatMap(({ key }) => (typeof key === 'string' ? [Buffer.from(key, 'base64').toString('utf8')] : []))
      .filter((key) => isOf(namespace, key));
  };
  const before = await keys();
  for (const key of before) await call('kv/deleterange', { key: base64(key) });
  return { before: before.length, after: before.length === 0 ? 0 : (await keys()).length };
}

/**
 * Keys are v1/BUCKET/NAMESPACE/…, for events of 1.6 v1/BUCKET/namespace/NAMESPACE/…, and v1/NAMESPACE/COMPONENT/… for
 * what a component writes for itself: a planner its wishes, without a lease, which the next run of that namespace would
 * start from. Source: docs/upstream/discovery.md#keys.
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

/** Those of upstream hold the keys of everybody, also for who names a namespace so. */
const buckets = new Set(['instances', 'mdc', 'event_channels', 'event_sources', 'launcher']);

/** The first key that does not begin with `prefix`. */
function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCodePoint((prefix.codePointAt(prefix.length - 1) ?? 0) + 1);
}
