/** Frontend and workers look for each other in different places: no log says a word about it. */
import { flagValue } from '../log-lines.ts';
import type { ProcessSpec } from '../../plan/plan.ts';
import type { Rule } from '../rule.ts';

/**
 * Different `DYN_FILE_KV`, or `mem` for separate processes.
 * Source: docs/upstream/discovery.md#mismatches-without-a-message.
 */
export const discoveryMismatch: Rule = {
  id: 'discovery-mismatch',
  check: 'D12',
  kind: 'cause',
  sees: 'nothing in any log; the frontend knows no worker, and the plan gives them different places of discovery',
  fixes: 'leave `DYN_DISCOVERY_BACKEND`, `DYN_FILE_KV` and `ETCD_ENDPOINTS` to the launcher',
  find: ({ failure, plan }) => {
    if (failure.code !== 'not-ready' || !/workers that the frontend knows: 0 of/.test(failure.lastSeen ?? ''))
      return undefined;
    const places = plan.processes
      .filter(({ kind }) => kind !== 'infra')
      .map((spec) => ({ name: spec.name, place: placeOf(spec) }));
    const different = new Set(places.map(({ place }) => place)).size > 1;
    if (!different && !places.some(({ place }) => place.startsWith('mem'))) return undefined;
    return {
      cause: different
        ? 'frontend and workers look for each other in different places'
        : 'discovery mem works within one process only, so the frontend finds no worker',
      evidence: places.map(({ name, place }) => `${name}: ${place}`),
      fix: '--discovery file   # and no DYN_FILE_KV, ETCD_ENDPOINTS or --discovery-backend of your own',
      fromOutside: true,
    };
  },
};

function placeOf({ argv, env }: ProcessSpec): string {
  const backend = flagValue(argv, '--discovery-backend') ?? env.DYN_DISCOVERY_BACKEND ?? 'etcd';
  const place = backend === 'file' ? env.DYN_FILE_KV : backend === 'etcd' ? env.ETCD_ENDPOINTS : undefined;
  return place === undefined ? backend : `${backend} ${place}`;
}
