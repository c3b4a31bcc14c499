/** Removes the keys of a run from an external etcd, and reports those that cannot be removed. */
import type { Environment } from '../base/environment.ts';
import { messageOf } from '../base/error-code.ts';
import { isSilence, type Reach, reachOf } from '../infra/reach.ts';
import { type InfraUse, isOwn } from '../plan/infra.ts';
import { runsModel, type Plan } from '../plan/plan.ts';
import { readPlan, type StoredRun } from '../run/record.ts';

interface Sweep {
  /** What was found and removed, or why it was not, in words. */
  readonly text: string;
  /** Why the keys could not be removed: it can be tried again. */
  readonly unswept?: string;
}

/** `environment`: contains the credentials. `undefined` if etcd belonged to the run. Never rejects. */
export async function sweepRun(plan: Plan, environment: Environment): Promise<Sweep | undefined> {
  const borrowed = borrowedEtcd(plan);
  if (borrowed === undefined) return undefined;
  const { etcd, namespace } = borrowed;
  const place = `etcd at ${etcd.addresses.join(',')}`;
  const reach = reachTo(etcd, environment);
  const refused = (why: string): Sweep => ({
    text: `${place}: keys of namespace ${namespace} were not removed (${why}); to remove them: ${commandFor(reach)}`,
    unswept: why,
  });
  if (reach.missing.length > 0) return refused(reach.missing.join(', '));
  try {
    const { sweepEtcd } = await import('../infra/external-etcd.ts');
    const { before, after } = await sweepEtcd(etcd.addresses, namespace, reach.environment);
    if (before === 0) return { text: `${place}: no key of namespace ${namespace} is left` };
    const counts = `(keys before: ${before}, after: ${after})`;
    return { text: `${place}: removed what was left of namespace ${namespace} ${counts}` };
  } catch (error) {
    const why = messageOf(error);
    if (!isSilence(error)) return refused(why);
    const until = 'they expire with their leases';
    return { text: `${place}: keys of namespace ${namespace} were not checked (${why}); ${until}` };
  }
}

interface BorrowedEtcd {
  readonly etcd: InfraUse;
  readonly namespace: string;
}

/** The etcd that outlives the run, if it used one, and the namespace of its keys. */
function borrowedEtcd(plan: Plan): BorrowedEtcd | undefined {
  // Other hosts may use the same namespace: their keys are not ours to remove.
  if (!runsModel(plan) || plan.share !== undefined) return undefined;
  const etcd = plan.infra?.etcd;
  return etcd === undefined || isOwn(etcd) ? undefined : { etcd, namespace: plan.namespace };
}

/** The credentials in `environment`. */
function reachTo(etcd: InfraUse, environment: Environment): Reach {
  const access = etcd.from === 'external' ? (etcd.access ?? {}) : {};
  return reachOf(access, environment);
}

/** The command that removes the keys, with the variables that are missing. */
function commandFor({ variables, missing }: Reach): string {
  const files = missing.filter((lack) => lack.startsWith('/'));
  const words = [...variables.map((name) => `${name}=…`), 'dynamo clean'].join(' ');
  return files.length === 0 ? words : `${words}   # when the file exists again`;
}

interface KeysReport {
  readonly items: readonly { readonly kind: 'keys'; readonly what: string; readonly proof: string }[];
  readonly waiting: readonly { readonly what: string; readonly because: string; readonly command: string }[];
}

/** What `clean` reports about the keys: those it removes, and those for which credentials are missing. `proof`: why they belong to the run. */
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
