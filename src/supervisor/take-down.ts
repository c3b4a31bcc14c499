/** Takes down whatever a run has started, in the order of its plan. */
import type { Actors } from './actors.ts';
import type { Child, StopReport } from './child.ts';
import type { LiveRun } from './live-run.ts';
import { stopInWaves } from './stop-in-waves.ts';

/** Waits for launches that are under way. Never rejects. */
export async function takeDown(
  { plan, world, journal, leaving, underWay }: LiveRun,
  actors: Actors,
): Promise<StopReport> {
  journal.tell({ type: 'run', phase: 'stopping' });
  await underWay.settled();
  const living = [...actors].flatMap(([name, actor]): [string, Child][] => {
    const child = actor.child();
    return child === undefined ? [] : [[name, child]];
  });
  return await stopInWaves(plan, {
    children: new Map(living),
    clock: world.clock,
    enter: journal.enter,
    isLoading: (process) => ['starting', 'started'].includes(journal.stateOf(process)),
    graceless: leaving.isAtOnce,
  });
}
