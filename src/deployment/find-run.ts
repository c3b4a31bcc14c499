/** Finds the run that a user means: by name, by id, or the only one there is. */
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { isAlive } from '../process/identity.ts';
import type { StateFolders } from '../run/folders.ts';
import { type StoredRun, storedRuns } from '../run/record.ts';
import { isInfraOnly } from './infra-facts.ts';

/** The newest live run of that name or id, else the newest ended one. Throws `run-not-found`. */
export function findRun(folders: StateFolders, asked: string): StoredRun {
  const runs = storedRuns(folders, isAlive);
  const matching = runs.filter(({ record }) => record.runId === asked || record.name === asked);
  const found = matching.findLast(({ supervised }) => supervised) ?? matching.at(-1);
  if (found !== undefined) return found;
  const meant = nearest(
    asked,
    runs.flatMap(({ record }) => [record.runId, record.name]),
  );
  throw new DynamoError('run-not-found', `There is no run ${JSON.stringify(asked)}.`, {
    hint: meant === undefined ? 'dynamo ps --all' : `did you mean ${meant}?`,
  });
}

/** The same run as it is by now; from what was known where nothing tells of it any more. */
export function runAsItIs(folders: StateFolders, run: StoredRun): StoredRun {
  const { runId, supervisor } = run.record;
  const found = storedRuns(folders, isAlive).find(({ record }) => record.runId === runId);
  return found ?? { ...run, supervised: isAlive(supervisor) };
}

/**
 * The one live run, or `undefined` when nothing is up. Throws `usage` when there are several; an etcd and a NATS that
 * are shared do not count beside one that serves.
 */
export function onlyLiveRun(folders: StateFolders, verb: string): StoredRun | undefined {
  const all = storedRuns(folders, isAlive).filter(({ supervised }) => supervised);
  if (all.length <= 1) return all[0];
  const live = all.filter((run) => !isInfraOnly(run));
  if (live.length === 1) return live[0];
  const names = live.map(({ record }) => record.name);
  throw new DynamoError('usage', `Several runs are up: ${names.join(', ')}.`, {
    hint: `dynamo ${verb} ${names[0]}`,
  });
}

/** The only live run, else the newest ended one: what one wants to read about. Throws `run-not-found`. */
export function latestRun(folders: StateFolders, verb: string): StoredRun {
  const found = onlyLiveRun(folders, verb) ?? storedRuns(folders, isAlive).at(-1);
  if (found !== undefined) return found;
  throw new DynamoError('run-not-found', 'There is no run yet.', { hint: 'dynamo up agg' });
}
