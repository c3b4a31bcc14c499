/** From a profile and options to a run that is ready to be supervised. */
import type { Environment } from '../base/environment.ts';
import { choosePlanes } from '../plan/choose-planes.ts';
import { preferredHttpPort } from '../plan/ports.ts';
import { planWithSecrets } from '../plan/make-plan.ts';
import type { ServingPlan } from '../plan/plan.ts';
import type { PlanOptions } from '../plan/request.ts';
import { runNameOf } from '../plan/run-name.ts';
import type { Profile } from '../profile/profile.ts';
import { holdRun } from './hold-run.ts';
import type { FactWishes } from './host-facts.ts';
import type { HeldRun } from './tidy-up.ts';

/** Throws DynamoError; then nothing is held and no folder is left. */
export async function prepareRun(
  profile: Profile,
  options: PlanOptions,
  detached: boolean,
  environment: Environment,
): Promise<HeldRun<ServingPlan>> {
  return await holdRun({
    name: runNameOf(options.name, profile),
    detached,
    environment,
    facts: factWishes(profile, options, environment),
    plan: (host) => planWithSecrets(profile, options, host),
  });
}

/** What must be known about this host to plan this profile. Throws `unavailable` when the planes exclude each other. */
export function factWishes(
  profile: Profile,
  options: PlanOptions,
  environment: Environment,
): Omit<FactWishes, 'runId'> {
  return {
    profile,
    ports: [preferredHttpPort(profile, options)],
    options,
    engine: options.engine,
    python: options.python,
    infra: {
      needs: choosePlanes(profile, options, environment).needs,
      source: options.infra,
      images: options.images,
      inProfile: profile.infra,
    },
  };
}
