/** `dynamo reap`: ends a run whose supervisor is dead. The keeper turns into it. */
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
    .requiredOption('--supervisor <pid@start>', 'the supervisor that died', identityOf)
    .option('--ledger <descriptor>', 'file descriptor of the open ledger', Number)
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
  // When the supervisor is alive after all, there is nothing to do.
  if (isAlive(supervisor)) return 0;
  const folders = stateFoldersIfAny(environment);
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

/** Where folders cannot be created, as on a full disk or in another user's folder, they may still exist. */
function stateFoldersIfAny(environment: Environment): ReturnType<typeof stateFolders> {
  try {
    return stateFolders(environment);
  } catch {
    return stateFolderPaths(environment);
  }
}
