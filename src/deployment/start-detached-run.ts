/** A deployment with a supervisor of its own, so that it can be left up when we end. */
import { deferred } from '../base/deferred.ts';
import { releasePortHolds } from '../process/ports.ts';
import { askStop } from '../run/control-client.ts';
import { socketIn } from '../run/record.ts';
import { portsOf } from '../run/leases.ts';
import type { Failure, Proof } from '../supervisor/events.ts';
import type { Outcome } from '../supervisor/supervise.ts';
import { failureSoFar } from './failure-error.ts';
import { prepareRun } from './prepare-run.ts';
import type { StartRun } from './start-run.ts';
import { connect, startSupervisor, untilGone } from './background-supervisor.ts';

/** Throws DynamoError; then nothing is held. Does not wait until it is ready. */
export const startDetachedRun: StartRun = async (profile, options, onEvent, environment) => {
  const held = await prepareRun(profile, options, true, environment);
  const socket = socketIn(held.folders, held.files);
  const supervisor = await startSupervisor(held);
  const events = await connect(held, socket, supervisor);
  const ready = deferred<Proof | undefined>();
  const follow = async (): Promise<Outcome> => {
    let failure: Failure | undefined = {
      code: 'process-failed',
      message: `the supervisor of ${held.plan.runId} ended without a word`,
      logFile: held.files.supervisorLog,
      process: 'the supervisor',
    };
    let stopped: Pick<Outcome, 'killed' | 'left'> | undefined;
    let seen: Failure | undefined;
    try {
      for await (const event of events) {
        onEvent(event);
        seen = failureSoFar(seen, event);
        if (event.type === 'ready') ready.resolve(event.proof);
        // Somebody listens on them, or never will.
        if (event.type === 'ready' || event.type === 'stopped') releasePortHolds(portsOf(held.plan));
        if (event.type === 'stopped') [stopped, failure] = [event, seen];
      }
    } catch {
      // the connection broke: what follows says how the supervisor ended
    }
    ready.resolve(undefined);
    // It tidies up after its last event.
    await untilGone(supervisor);
    const { killed, left } = stopped ?? { killed: [], left: [] };
    return { killed, left, ...(failure === undefined ? {} : { failure }) };
  };
  const ask = (now: boolean) => (): void => void askStop(socket, now).catch(() => {});
  return { held, supervision: { ready: ready.promise, done: follow(), stop: ask(false), kill: ask(true) } };
};
