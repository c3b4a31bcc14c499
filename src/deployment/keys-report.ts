/** What `clean` says about keys in an etcd of others: which it removes, and which it cannot for want of a login. */
import type { Environment } from '../base/environment.ts';
import { readPlan, type StoredRun } from '../run/record.ts';
import { commandFor, borrowedEtcd, reachTo } from './sweep-run.ts';

export interface KeysReport {
  readonly items: readonly { readonly kind: 'keys'; readonly what: string; readonly proof: string }[];
  readonly waiting: readonly { readonly what: string; readonly because: string; readonly command: string }[];
}

/** `proof`: why the keys are ours. */
export function keysReport({ files }: StoredRun, proof: string, environment: Environment): KeysReport {
  const plan = readPlan(files);
  const borrowed = plan === undefined ? undefined : borrowedEtcd(plan);
  if (borrowed === undefined) return { items: [], waiting: [] };
  const { etcd, namespace } = borrowed;
  const what = `namespace ${namespace} in etcd at ${etcd.addresses.join(',')}`;
  const reach = reachTo(etcd, environment);
  if (reach.missing.length === 0) return { items: [{ kind: 'keys', what, proof }], waiting: [] };
  return { items: [], waiting: [{ what, because: reach.missing.join(', '), command: commandFor(reach) }] };
}
