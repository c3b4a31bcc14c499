/** What can be asked of one process of a run that serves: to be started, stopped, or both. */
import { DynamoError } from '../base/error.ts';
import type { Actors } from './actors.ts';
import type { LiveRun } from './live-run.ts';

export type ProcessAction = 'start' | 'stop' | 'restart';

/** Settles when the process is ready or gone. Throws `usage`, `busy`, and StartFailure when it does not become ready. */
export async function act(
  { plan, journal, leaving }: LiveRun,
  actors: Actors,
  action: ProcessAction,
  process: string,
): Promise<void> {
  const actor = actors.get(process);
  if (actor === undefined) throw new DynamoError('usage', `Run ${plan.runId} has no process ${process}.`);
  if (journal.status().phase !== 'ready' || leaving.signal.aborted) {
    throw new DynamoError(
      'busy',
      `Run ${plan.runId} is not ready: its processes are left alone until it is.`,
    );
  }
  if (action !== 'start') await actor.stop(actor.spec.stopGraceMs);
  if (action === 'stop' || leaving.signal.aborted) return;
  if (journal.stateOf(process) !== 'stopped') throw new DynamoError('busy', `${process} is not stopped.`);
  await actor.start();
}
