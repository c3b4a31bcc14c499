/** `dynamo supervise`: the background half of `up --detach`. */
import type { Environment } from '../base/environment.ts';
import { stoppedText } from '../supervisor/events.ts';
import { DynamoError } from '../base/error.ts';
import { appendOwn } from '../host/own-file.ts';
import { unpackEnvironment } from '../plan/run-environment.ts';
import { runFiles, stateFolders } from '../run/folders.ts';
import { readPlan } from '../run/record.ts';
import { quietly } from '../deployment/sole-reaper.ts';
import { untilHandedOver } from '../deployment/background-supervisor.ts';
import { runPlan } from '../deployment/run-plan.ts';
import type { Configure } from './verb.ts';

export const configure: Configure = (command, settle, environment) => {
  command
    .argument('<run>')
    .action(async (runId: string) => settle(await superviseDetached(runId, environment)));
};

async function superviseDetached(runId: string, given: Environment): Promise<number> {
  const environment = unpackEnvironment(given);
  const folders = stateFolders(environment.variables);
  const files = runFiles(folders, runId);
  const plan = readPlan(files);
  if (plan === undefined)
    throw new DynamoError('run-not-found', `There is no prepared run ${runId}.`, {
      hint: 'dynamo ps --all',
      fields: { runId },
    });
  // The terminal that started us may close: only foreground runs end then.
  process.on('SIGHUP', () => {});
  await untilHandedOver(folders, runId);
  const supervision = await runPlan({ plan, files, folders, environment }, () => {});
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => supervision.stop());
  const outcome = await supervision.done;
  quietly(() => appendOwn(files.supervisorLog, `${new Date().toISOString()} ${stoppedText(outcome)}\n`));
  return outcome.failure === undefined && outcome.left.length === 0 ? 0 : 1;
}
