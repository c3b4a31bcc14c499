/** Puts NVIDIA's planner into a plan, for `up --planner`. */
import type { Environment } from '../base/environment.ts';
import { plannerLack } from '../engine/planner/need.ts';
import type { Plan } from '../plan/plan.ts';
import { requirePlanner, withPlanner } from '../plan/planner.ts';
import type { HostFacts, PlanOptions } from '../plan/request.ts';
import type { Profile } from '../profile/profile.ts';
import { readEnvironment } from '../python/read-environment.ts';

export function plannerHere(
  profile: Profile,
  options: PlanOptions,
  environment: Environment,
): <P extends Plan>(plan: P, host: HostFacts) => P {
  // Before anything looks for an etcd that is not needed after all.
  if (options.engine !== 'auto') requirePlanner(options.engine);
  return (plan, host) =>
    withPlanner(
      plan,
      {
        profile,
        options,
        lack: ({ folder, python, dynamoVersion }) =>
          plannerLack(dynamoVersion, readEnvironment(folder, python, environment.HOME).has),
      },
      host,
    );
}
