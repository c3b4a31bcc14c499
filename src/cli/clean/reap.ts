/** `dynamo reap`: what the keeper becomes when the supervisor is gone. */
import { isAlive } from '../../process/identity.ts';
import { appendEvent } from '../../run/event-file.ts';
import { stateFolders } from '../../run/folders.ts';
import { findRun } from '../runs/find-run.ts';
import { reapRun } from './reap-run.ts';
import type { Configure } from '../verbs.ts';

export const configure: Configure = (command, settle) => {
  command.argument('<run>').action(async (runId: string) => settle(await reap(runId)));
};

async function reap(runId: string): Promise<number> {
  const folders = stateFolders(process.env);
  const run = findRun(folders, runId);
  // A keeper whose supervisor lives after all has nothing to end.
  if (isAlive(run.record.supervisor)) return 0;
  const reason = {
    code: 'process-failed' as const,
    message: `the supervisor (pid ${run.record.supervisor.pid}) was killed`,
  };
  appendEvent(run.files, { at: Date.now(), type: 'failed', reason });
  const { left } = await reapRun(folders, run, false);
  return left.length === 0 ? 0 : 1;
}
