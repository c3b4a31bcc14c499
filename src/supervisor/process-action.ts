/** Starts, stops, restarts or kills one process of a run that serves. */
import { DynamoError } from '../base/error.ts';
import { timeLimit } from '../base/clock.ts';
import { isServing } from '../plan/plan.ts';
import type { Actors } from './actor.ts';
import type { RunContext } from './run-context.ts';

export type ProcessAction = 'start' | 'stop' | 'restart';
/** `kill`: to test what a crash does. What follows is the same: it is restarted, or its run ends. */
export type AnyAction = ProcessAction | 'kill';

/** Upstream's frontends took 0.1 to 2 s. */
const knownWithinMs = 30_000;

/**
 * Settles when the process is gone, or ready and known to the frontend. Throws `usage`, `busy` or `not-ready`, and
 * StartFailure when it does not become ready.
 */
export async function act(
  run: RunContext,
  actors: Actors,
  action: AnyAction,
  process: string,
): Promise<void> {
  const { plan, journal, shutdown } = run;
  const actor = actors.get(process);
  if (actor === undefined)
    throw new DynamoError('usage', `Run ${plan.runId} has no process ${process}.`, {
      fields: { runId: plan.runId, asked: process },
    });
  if (journal.status().phase !== 'ready' || shutdown.signal.aborted) throw notServing(plan.runId, process);
  if (action === 'kill') {
    actor.child()?.kill();
    return await actor.discard({
      code: 'process-failed',
      message: `${process} was killed, as requested`,
      process,
    });
  }
  if (action !== 'start') await actor.stop(actor.spec.stopGraceMs);
  if (action === 'stop' || shutdown.signal.aborted) return;
  if (journal.stateOf(process) !== 'stopped')
    throw new DynamoError('busy', `${process} is not stopped.`, { fields: { process } });
  await actor.start();
  await untilKnown(run, process);
}

export function notServing(runId: string, process?: string): DynamoError {
  return new DynamoError(
    'busy',
    `Run ${runId} is not ready yet; its processes cannot be changed until it is.`,
    {
      fields: { runId, process },
    },
  );
}

/** A frontend discovers a worker after the worker reports ready, and answers 404 until then. */
async function untilKnown({ plan, deps, journal, shutdown }: RunContext, process: string): Promise<void> {
  // Do not wait for workers that the user has stopped.
  const isWhole = plan.processes.every(({ name }) => journal.stateOf(name) === 'ready');
  if (!isWhole || !isServing(plan)) return;
  const limit = timeLimit(knownWithinMs, deps.clock, shutdown.signal);
  try {
    await deps.proving.instances(plan, plan.expected, limit.signal);
    await deps.proving.modelListed(plan, limit.signal);
  } catch (error) {
    if (!limit.isOver()) throw error;
    const seen = deps.prober.lastSeen();
    throw new DynamoError(
      'not-ready',
      `${process} is ready, but the frontend did not know it within ${knownWithinMs / 1000} s` +
        `${seen === undefined ? '' : `; last seen: ${seen.text}`}.`,
      {
        hint: 'dynamo logs frontend',
        fields: { process, timeoutMs: knownWithinMs, ...seen?.fields },
      },
    );
  } finally {
    limit.clear();
  }
}
