/** What can be asked of one process of a run that serves: to be started, stopped, or both. */
import { DynamoError } from '../base/error.ts';
import { timeLimit } from '../base/clock.ts';
import { isServing } from '../plan/plan.ts';
import type { Actors } from './actor.ts';
import type { LiveRun } from './live-run.ts';

export type ProcessAction = 'start' | 'stop' | 'restart';

/** Measured are 0.1 to 2 s with upstream's frontends. */
const knownWithinMs = 30_000;

/**
 * Settles when the process is gone, or ready and known to the frontend. Throws `usage`, `busy`, `not-ready`, and
 * StartFailure when it does not become ready.
 */
export async function act(
  run: LiveRun,
  actors: Actors,
  action: ProcessAction,
  process: string,
): Promise<void> {
  const { plan, journal, shutdown } = run;
  const actor = actors.get(process);
  if (actor === undefined) throw new DynamoError('usage', `Run ${plan.runId} has no process ${process}.`);
  if (journal.status().phase !== 'ready' || shutdown.signal.aborted) {
    throw new DynamoError(
      'busy',
      `Run ${plan.runId} is not ready: its processes are left alone until it is.`,
    );
  }
  if (action !== 'start') await actor.stop(actor.spec.stopGraceMs);
  if (action === 'stop' || shutdown.signal.aborted) return;
  if (journal.stateOf(process) !== 'stopped') throw new DynamoError('busy', `${process} is not stopped.`);
  await actor.start();
  await untilKnown(run, process);
}

/** A frontend hears of a worker after the worker itself says that it is ready, and answers 404 until then. */
async function untilKnown({ plan, world, journal, shutdown }: LiveRun, process: string): Promise<void> {
  // What is stopped by hand is missing, and nobody is to wait for it.
  const isWhole = plan.processes.every(({ name }) => journal.stateOf(name) === 'ready');
  if (!isWhole || !isServing(plan)) return;
  const limit = timeLimit(knownWithinMs, world.clock, shutdown.signal);
  try {
    await world.prober.instances(plan, plan.expected, limit.signal);
    await world.prober.modelListed(plan, limit.signal);
  } catch (error) {
    if (!limit.isOver()) throw error;
    const seen = world.prober.lastSeen();
    throw new DynamoError(
      'not-ready',
      `${process} is ready, but the frontend did not know it within ${knownWithinMs / 1000} s` +
        `${seen === undefined ? '' : `; last seen: ${seen}`}.`,
      { hint: 'dynamo logs frontend' },
    );
  } finally {
    limit.clear();
  }
}
