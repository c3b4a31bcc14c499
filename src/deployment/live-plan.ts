/** The run that is up and that a user means, with its plan. */
import { DynamoError } from '../base/error.ts';
import type { Plan } from '../plan/plan.ts';
import type { StateFolders } from '../run/folders.ts';
import { readPlan, type StoredRun } from '../run/record.ts';
import { findRun, onlyLiveRun } from './find-run.ts';

/** `asked`: name or id; without it, the only run that is up. Throws `run-not-found`, and `usage` when several are up. */
export function livePlan(
  folders: StateFolders,
  asked: string | undefined,
  verb: string,
): { readonly run: StoredRun; readonly plan: Plan } {
  const run = asked === undefined ? onlyLiveRun(folders, verb) : findRun(folders, asked);
  const plan = run?.supervised === true ? readPlan(run.files) : undefined;
  if (run !== undefined && plan !== undefined) return { run, plan };
  const message = asked === undefined ? 'Nothing is up.' : `Run ${asked} is not up.`;
  throw new DynamoError('run-not-found', message, {
    hint:
      verb === 'attach'
        ? 'dynamo logs   # shows what an ended run wrote'
        : 'dynamo up   # lists what can be brought up',
  });
}
