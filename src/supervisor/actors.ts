/** The actors of a run, one a process, and what the run does when one of them has bad news. */
import type { ProcessSpec } from '../plan/plan.ts';
import { type Actor, type Actors, createActor } from './actor.ts';
import type { Failure } from './events.ts';
import type { LiveRun } from './live-run.ts';
import { giveUpDegraded } from './liveness.ts';
import type { StartupLimit } from './readiness.ts';
import { afterLoss, recovery } from './restart.ts';

export function createActors(run: LiveRun, { gotOn }: StartupLimit): Actors {
  const { plan, world, journal, shutdown, underWay } = run;
  const recover = recovery({
    clock: world.clock,
    random: world.random,
    shutdown: shutdown.signal,
    enter: journal.enter,
    fail: shutdown.fail,
    note: (text) => journal.tell({ type: 'note', text }),
  });
  const onLost = (actor: Actor, seen: Failure): void => {
    const { follows, reason } = afterLoss(plan, journal.status(), actor.spec, seen);
    if (follows === 'recovery') void underWay.track(recover(actor, reason));
    else shutdown.fail(reason);
  };
  const actorOf = (spec: ProcessSpec): Actor => {
    const actor = createActor(spec, {
      launcher: world.launcher,
      prober: world.prober,
      clock: world.clock,
      loads: world.loads,
      startupCapMs: plan.startupCapMs,
      shutdown: shutdown.signal,
      enter: (state, about) => journal.enter(spec.name, state, about),
      onProgress: (progress) => gotOn(spec.name, progress),
      onLost: (seen) => onLost(actor, seen),
      onDegraded: (seen) => giveUpDegraded(run, actor, seen),
    });
    return actor;
  };
  return new Map(plan.processes.map((spec) => [spec.name, actorOf(spec)]));
}
