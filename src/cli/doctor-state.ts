/** What the state folder tells the doctor: runs, what lives of dead ones, and claims that nobody holds any more. */
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { DeadClaim, RunFacts, StateFacts } from '../doctor/host-view.ts';
import { errorCode } from '../base/error-code.ts';
import { identify, isAlive } from '../process/identity.ts';
import { readDescendants, readLedger } from '../process/ledger.ts';
import { claim, readClaim, unclaim } from '../run/claim.ts';
import { socketPath, stateFolders, type StateFolders } from '../run/folders.ts';
import { readPlan, storedRuns, type StoredRun } from '../run/record.ts';
import { stoppedText } from '../view/progress-lines.ts';
import { reapRun, trackerOf } from './reap-run.ts';

/** Throws what `stateFolders` throws. */
export async function stateFacts(): Promise<StateFacts> {
  const folders = stateFolders(process.env);
  const stored = storedRuns(folders, isAlive);
  return {
    runs: await Promise.all(stored.map((run) => runFacts(folders, run))),
    deadClaims: [
      ...deadClaims(folders.names, 'name'),
      ...deadClaims(folders.ports, 'port'),
      ...deadClaims(folders.gpus, 'GPU'),
    ],
    reap: async (runId) => {
      const run = stored.find(({ record }) => record.runId === runId);
      return run === undefined ? 'it is gone' : stoppedText(await reapRun(folders, run, false));
    },
    dropClaim,
  };
}

async function runFacts(folders: StateFolders, run: StoredRun): Promise<RunFacts> {
  const { record, files, supervised } = run;
  const state = supervised ? 'live' : record.endedAt === undefined ? 'dead' : 'ended';
  const entries = [...readLedger(files.ledger), ...readDescendants(files.ledger)];
  const living = state === 'dead' ? await trackerOf(run).look() : [];
  return {
    runId: record.runId,
    name: record.name,
    startedAt: record.startedAt,
    state,
    plan: readPlan(files),
    living: living.map(({ pid, process }) => ({ pid, process })),
    pids: entries.map(({ pid }) => pid),
    socket: await socketState(socketPath(folders, record.runId)),
  };
}

async function socketState(path: string): Promise<RunFacts['socket']> {
  return await new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve('answers');
    });
    socket.once('error', (error) => resolve(errorCode(error) === 'ECONNREFUSED' ? 'refused' : 'absent'));
  });
}

function deadClaims(folder: string, what: DeadClaim['what']): DeadClaim[] {
  return readdirSync(folder).flatMap((entry) => {
    // Drafts and take-overs have a dot.
    if (entry.includes('.')) return [];
    const file = join(folder, entry);
    const subject = decodeURIComponent(entry);
    const standing = readClaim(file);
    if (standing === undefined || isAlive(standing.holder)) return [];
    return [{ what, subject, file, runId: standing.runId }];
  });
}

/** Takes it over as a new run would, and gives it back: whoever came before us keeps it. */
function dropClaim({ file, runId }: DeadClaim): void {
  const holder = identify(process.pid);
  if (holder === undefined || claim(file, { runId, holder }, isAlive) !== undefined) return;
  unclaim(file, runId);
}
