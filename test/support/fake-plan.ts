/** Plans for tests of the supervisor: only names, edges and times matter there. */
import { makePlan } from '../../src/plan/make-plan.ts';
import type { ServingPlan } from '../../src/plan/plan.ts';
import type { Profile } from '../../src/profile/profile.ts';
import { disaggregated, host, options } from './profile.ts';

/** The probe of each process names it as its host, as the fake prober reads it. */
export function fakePlan(profile: Profile = disaggregated, change: Partial<ServingPlan> = {}): ServingPlan {
  const plan = makePlan(profile, options(), host());
  const processes = plan.processes.map((spec) => ({
    ...spec,
    probe: { kind: 'http' as const, url: `http://${spec.name}/` },
  }));
  return { ...plan, processes, ...change };
}
