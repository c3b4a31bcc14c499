/** `dynamo reap`: what the keeper becomes when the supervisor is gone. */
import type { Environment } from '../base/environment.ts';
import { basename } from 'node:path';
import type { Identity } from '../base/identity.ts';
import { bootId, isAlive } from '../process/identity.ts';
import { readLedgerFrom } from '../process/ledger.ts';
import { appendEvent, readRecordIn, type StoredRun } from '../run/record.ts';
import { runFiles, stateFolderPaths, stateFolders } from '../run/folders.ts';
import { reapRun } from '../deployment/reap-run.ts';
import { quietly } from '../deployment/sole-reaper.ts';
import type { Configure } from './verb.ts';

interface ReapFlags {
  readonly supervisor: Identity;
  readonly ledger?: number;
}

export const configure: Configure = (command, settle, environment) => {
  command
    .argument('<run>')
    .requiredOption('--supervisor <pid@start>', 'whose death it is about', identityOf)
    .option('--ledger <descriptor>', 'where the ledger is open', Number)
    .action(async (runId: string, flags: ReapFlags) => settle(await reap(runId, flags, environment)));
};

function identityOf(text: string): Identity {
  const [pid, startTime = ''] = text.split('@');
  return { bootId: bootId(), pid: Number(pid), startTime };
}

async function reap(
  runId: string,
  { supervisor, ledger }: ReapFlags,
  environment: Environment,
): Promise<number> {
  // A keeper whose supervisor lives after all has nothing to end.
  if (isAlive(supervisor)) return 0;
  const folders = foldersAsTheyAre(environment);
  const files = runFiles(folders, runId);
  if (ledger !== undefined) readLedgerFrom(files.ledger, ledger);
  const reason = {
    code: 'process-failed' as const,
    message: `the supervisor (pid ${supervisor.pid}) was killed`,
  };
  quietly(() => appendEvent(files, { at: Date.now(), type: 'failed', reason }));
  const name = basename(runId).replace(/-[^-]+$/, '');
  const known = { runId, name, startedAt: Date.now(), detached: true, version: 'unknown', supervisor };
  const run: StoredRun = { record: readRecordIn(files.folder) ?? known, files, supervised: false };
  const { left } = await reapRun({ folders, environment }, run, false);
  return left.length === 0 ? 0 : 1;
}

/** Where they cannot be made, as the disk is full or another user's, they may be there. */
function foldersAsTheyAre(environment: Environment): ReturnType<typeof stateFolders> {
  try {
    return stateFolders(environment);
  } catch {
    return stateFolderPaths(environment);
  }
}
