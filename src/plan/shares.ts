/** Whether a deployment is on several hosts, and the rules for that, which other starts do not load. */
import type { joinChoices, placeOn } from './hosts.ts';
import type { rankChoices, withRank } from './ranks.ts';
import type { PlanOptions } from './request.ts';

export interface ShareRules {
  readonly placeOn: typeof placeOn;
  readonly joinChoices: typeof joinChoices;
  readonly withRank: typeof withRank;
  readonly rankChoices: typeof rankChoices;
}

export function spansHosts({ hosts = {} }: Pick<PlanOptions, 'hosts'>): boolean {
  return [hosts.only, hosts.join, hosts.advertise, hosts.rank].some((option) => option !== undefined);
}

/** What `planWithSecrets` takes for these options. */
export async function shareRules(options: Pick<PlanOptions, 'hosts'>): Promise<ShareRules | undefined> {
  if (!spansHosts(options)) return undefined;
  const [hosts, ranks] = await Promise.all([import('./hosts.ts'), import('./ranks.ts')]);
  return { ...hosts, ...ranks };
}
