/** Finds the run that a user means (by name, by id, or the only one), its plan, and its processes by name. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { isAlive } from '../process/identity.ts';
import type { StateFolders } from '../run/folders.ts';
import { hasKnownSupervisor, readPlan, type StoredRun, storedRuns } from '../run/record.ts';
import { isInfraOnly } from './infra-facts.ts';
import type { Plan } from '../plan/plan.ts';

/** The newest live run with that name or id, otherwise the newest ended one. Throws `run-not-found`. */
export function findRun(
  folders: StateFolders,
  asked: string,
  runs: readonly StoredRun[] = storedRuns(folders, isAlive),
): StoredRun {
  const matching = runs.filter(({ record }) => record.runId === asked || record.name === asked);
  const found = matching.findLast(({ supervised }) => supervised) ?? matching.at(-1);
  if (found !== undefined) return found;
  const meant = nearest(
    asked,
    runs.flatMap(({ record }) => [record.runId, record.name]),
  );
  throw new DynamoError('run-not-found', `There is no run ${JSON.stringify(asked)}.`, {
    hint: meant === undefined ? 'dynamo ps --all' : `did you mean ${meant}?`,
    fields: { asked, nearest: meant },
  });
}

/** The current state of the run; from the given one if no record of it exists any more. */
export function runAsItIs(folders: StateFolders, run: StoredRun): StoredRun {
  const { runId, supervisor } = run.record;
  const found = storedRuns(folders, isAlive).find(({ record }) => record.runId === runId);
  // Only its keeper may have told who the supervisor is.
  const knowsLess = found !== undefined && !hasKnownSupervisor(found) && hasKnownSupervisor(run);
  return found === undefined || knowsLess ? { ...run, supervised: isAlive(supervisor) } : found;
}

/**
 * The only live run, or `undefined` if there is none. Throws `usage` if there are several. Shared infrastructure does not count
 * if there is a run that serves. `rest`: what follows the name of a run in the command that the error shows.
 */
export function onlyLiveRun(folders: StateFolders, verb: string, rest = ''): StoredRun | undefined {
  const all = storedRuns(folders, isAlive).filter(({ supervised }) => supervised);
  if (all.length <= 1) return all[0];
  const live = all.filter((run) => !isInfraOnly(run));
  if (live.length === 1) return live[0];
  const names = live.map(({ record }) => record.name);
  throw new DynamoError('usage', `Several runs are up: ${names.join(', ')}.`, {
    hint: `dynamo ${verb} ${names[0]}${rest}`,
    fields: { runs: live.map(({ record }) => record.runId) },
  });
}

/** The only live run, otherwise the newest ended one: for verbs that only read. Throws `run-not-found`. */
export function latestRun(folders: StateFolders, verb: string, rest = ''): StoredRun {
  const found = onlyLiveRun(folders, verb, rest) ?? storedRuns(folders, isAlive).at(-1);
  if (found !== undefined) return found;
  throw new DynamoError('run-not-found', 'There is no run yet.', { hint: 'dynamo up agg' });
}

/** A live run and its plan. `asked`: name or id; without it, the only live run. Throws `run-not-found`, or `usage` if there are several. */
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
        : 'dynamo up   # lists the profiles',
    fields: { asked },
  });
}

/** The processes that a user named: by name, or by component for all its replicas; all if none is named. Throws `usage` for an unknown name. */
export function chosenProcesses(plan: Plan, asked: readonly string[]): Plan['processes'] {
  const names = plan.processes.map(({ name }) => name);
  for (const name of asked) {
    if (names.includes(name) || plan.processes.some(({ component }) => component === name)) continue;
    const meant = nearest(name, names);
    throw new DynamoError('usage', `Run ${plan.runId} has no process ${JSON.stringify(name)}.`, {
      hint: meant === undefined ? `its processes: ${names.join(', ')}` : `did you mean ${meant}?`,
      fields: { runId: plan.runId, asked: name, choices: names, nearest: meant },
    });
  }
  if (asked.length === 0) return plan.processes;
  return plan.processes.filter(({ name, component }) => asked.includes(name) || asked.includes(component));
}
