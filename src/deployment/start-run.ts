/** A deployment that this process brings up for a purpose and takes down after it: smoke, exec and tests share this. */
import type { Environment } from '../base/environment.ts';
import type { ServingPlan } from '../plan/plan.ts';
import type { PlanOptions } from '../plan/request.ts';
import type { Profile } from '../profile/profile.ts';
import type { RunEvent } from '../supervisor/events.ts';
import type { Outcome, Supervision } from '../supervisor/supervise.ts';
import { failureError, leftBehindError } from './failure-error.ts';
import { prepareRun } from './prepare-run.ts';
import { runPlan } from './run-plan.ts';
import { type HeldRun, releaseRun } from './tidy-up.ts';

export interface StartedRun {
  readonly held: HeldRun<ServingPlan>;
  /** In this process, or in one of its own. */
  readonly supervision: Pick<Supervision, 'ready' | 'done' | 'stop' | 'kill'>;
}

export type StartRun = typeof startRun;

/** Throws DynamoError; then nothing is held. Does not wait until it is ready. */
export async function startRun(
  profile: Profile,
  options: PlanOptions,
  onEvent: (event: RunEvent) => void,
  environment: Environment,
): Promise<StartedRun> {
  const held = await prepareRun(profile, options, false, environment);
  try {
    return { held, supervision: await runPlan(held, onEvent) };
  } catch (error) {
    releaseRun(held);
    throw error;
  }
}

/** Why a run that has ended did not end well; `undefined` when it did. */
export function outcomeError({ left, failure }: Outcome, runId: string) {
  if (left.length > 0) return leftBehindError(left);
  return failure === undefined ? undefined : failureError(failure, runId);
}
