/** What the state folder tells the doctor: runs, what lives of dead ones, and what is stale. Looking writes nothing. */
import type { Environment } from '../../base/environment.ts';
import { stoppedText } from '../../supervisor/events.ts';
import { basename } from 'node:path';
import { DynamoError } from '../../base/error.ts';
import type { RunFacts, Segment, StateFacts } from '../../doctor/host-view.ts';
import { identify, isAlive } from '../../process/identity.ts';
import { isLiving, readStat } from '../../process/proc.ts';
import { stateFolders, type StateFolders } from '../../run/folders.ts';
import { readPlan, type StoredRun, storedRuns } from '../../run/record.ts';
import { removeStale, staleClaims, type StaleFile, staleSockets } from '../../run/stale.ts';
import { segmentFindings } from '../../deployment/survey.ts';
import { type Owner, ownersIn } from '../../deployment/gpu-survey.ts';
import { reapRun } from '../../deployment/reap-run.ts';

/** Throws what `stateFolders` throws. */
export async function stateFacts(environment: Environment): Promise<StateFacts> {
  const folders = stateFolders(environment);
  const stored = storedRuns(folders, isAlive);
  const owners = [...ownersIn(folders).values()];
  return {
    runs: stored.map((run) => runFacts(run, owners)),
    stale: await staleIn(folders),
    reap: async (runId) => {
      const run = stored.find(({ record }) => record.runId === runId);
      return run === undefined
        ? 'it is gone'
        : stoppedText(await reapRun({ folders, environment }, run, false));
    },
    dropStale: async () => await dropStale(folders),
  };
}

function runFacts({ record, files, supervised }: StoredRun, owners: readonly Owner[]): RunFacts {
  const state = supervised ? 'live' : record.endedAt === undefined ? 'dead' : 'ended';
  const mine = owners.filter(({ run }) => run.record.runId === record.runId);
  return {
    runId: record.runId,
    name: record.name,
    startedAt: record.startedAt,
    state,
    plan: readPlan(files),
    living: state === 'dead' ? mine.map(({ owned: { pid, process } }) => ({ pid, process })) : [],
  };
}

async function staleIn(folders: StateFolders): Promise<StaleFile[]> {
  return [...staleClaims(folders, isAlive), ...(await staleSockets(folders))];
}

async function dropStale(folders: StateFolders): Promise<string[]> {
  const holder = identify(process.pid);
  if (holder === undefined) throw new DynamoError('environment', '/proc is not mounted.');
  const stale = await staleIn(folders);
  for (const each of stale) removeStale(each, { runId: `doctor-${process.pid}`, holder }, isAlive);
  return stale.map(({ kind, file, proof }) => `removed the ${kind} ${file}: ${proof}`);
}

/** As `dynamo clean` sees them. Throws what `stateFolders` throws. */
export function lostSegments(environment: Environment): Segment[] {
  const folders = stateFolders(environment);
  const found = segmentFindings(storedRuns(folders, isAlive), ownersIn(folders));
  return [
    ...found.segments.map(({ segment, proof }) => ({ path: segment.path, bytes: segment.bytes, proof })),
    ...found.unproven
      // Semaphores are 32 bytes each: nothing that anybody would miss.
      .filter(({ path }) => !basename(path).startsWith('sem.'))
      .filter(({ creator }) => creator === undefined || !isLiving(readStat(creator)))
      .map(({ path, bytes }) => ({ path, bytes })),
  ];
}
