/** What happens after a process was lost: the rest of its tree ends, and its rule says whether it comes back. */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import type { Actor } from './actor.ts';
import type { StopReport } from './child.ts';
import type { Failure } from './event.ts';
import { failureOf } from './failure.ts';
import { afterExit } from './restart-policy.ts';
import type { ProcessState } from './state.ts';

export interface RecoveryWorld {
  readonly clock: Clock;
  readonly random: () => number;
  readonly leaving: AbortSignal;
  readonly enter: (process: string, state: ProcessState) => void;
  readonly fail: (reason: Failure) => void;
  /** Tells people what a loss means for the others. */
  readonly note: (text: string) => void;
}

/** Returns a function that settles when the process is ready again, or has been given up. It never rejects. */
export function recovery(world: RecoveryWorld): (actor: Actor, lost: Failure) => Promise<void> {
  const restartsAt = new Map<string, number[]>();
  const { clock, leaving } = world;
  const abandoned = (actor: Actor): boolean => leaving.aborted || !actor.wanted();

  return async (actor, lost) => {
    const { name, restart, ifLost } = actor.spec;
    const times = restartsAt.get(name) ?? [];
    restartsAt.set(name, times);
    let reason = lost;
    for (;;) {
      const verdict = afterExit(restart, times, clock.now(), world.random());
      if (!verdict.restart) {
        return world.fail(verdict.because === 'policy' ? reason : crashLoop(reason, times.length));
      }
      times.push(clock.now());
      if (ifLost !== undefined) world.note(`${reason.message}: ${ifLost}`);
      world.enter(name, 'backoff');
      // A worker that lost its main process may have left children that hold its GPU and its ports.
      const { left } = await endRest(actor);
      if (abandoned(actor)) return;
      if (left.length > 0) {
        return world.fail({ ...reason, message: `${reason.message}; still there: ${left.join(', ')}` });
      }
      await clock.sleep(verdict.delayMs, leaving).catch(() => {});
      if (abandoned(actor)) return;
      try {
        return await actor.start();
      } catch (error) {
        if (abandoned(actor)) return;
        reason = failureOf(error);
        // It may have been started and not become ready.
        world.enter(name, 'failed');
      }
    }
  };
}

/** One that cannot be stopped is told as left, as everywhere. */
async function endRest(actor: Actor): Promise<StopReport> {
  const child = actor.child();
  if (child === undefined) return { killed: [], left: [] };
  return await child.stop(0).catch((error: unknown) => ({
    killed: [],
    left: [`${child.pid ?? 'container'} (${actor.spec.name}: ${messageOf(error)})`],
  }));
}

function crashLoop(reason: Failure, restarts: number): Failure {
  return { ...reason, message: `${reason.message}; a crash loop: it was restarted ${restarts} times` };
}
