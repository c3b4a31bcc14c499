/** Cleans up after a run in an etcd that goes on without it. */
import { messageOf } from '../../base/error-code.ts';
import { sweepEtcd } from '../../infra/sweep-etcd.ts';
import { isOwn } from '../../plan/infra.ts';
import type { Plan } from '../../plan/plan.ts';

/** In words what was found and removed; `undefined` when the run's etcd went with it. Never rejects. */
export async function sweepRun({ infra, namespace }: Plan): Promise<string | undefined> {
  const etcd = infra?.etcd;
  if (etcd === undefined || isOwn(etcd)) return undefined;
  const place = `etcd at ${etcd.addresses.join(',')}`;
  try {
    const environment = etcd.from === 'external' ? process.env : {};
    const { before, after } = await sweepEtcd(etcd.addresses, namespace, environment);
    if (before === 0) return `${place}: no key of namespace ${namespace} is left`;
    return `${place}: removed what was left of namespace ${namespace} (keys before: ${before}, after: ${after})`;
  } catch (error) {
    return `${place}: keys of namespace ${namespace} were not looked for (${messageOf(error)}); they go with their leases`;
  }
}
