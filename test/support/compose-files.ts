/** Compose files of the shipped profiles, as `dynamo plan --compose` makes them. */
import { composeHost, composeYaml } from '../../src/plan/compose.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { PlanOptions } from '../../src/plan/request.ts';
import type { Profile } from '../../src/profile/profile.ts';
import { options } from './profile.ts';

export function composeOf(profile: Profile, more: Partial<PlanOptions> = {}): string {
  const host = composeHost(
    { environment: { HOME: '/home/user' }, cwd: '/home/user' },
    profile.name,
    '1000:1000',
  );
  const asked = options({ engine: 'auto', detached: true, runtime: 'docker', ...more });
  return composeYaml(makePlan(profile, asked, host));
}
