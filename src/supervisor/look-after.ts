/** Looks after a deployment that serves: what lives and is no good any more is given up. */
import type { Actors } from './actors.ts';
import { giveUpUnhealthy } from './give-up.ts';
import { watchHealth } from './health.ts';
import type { LiveRun } from './live-run.ts';

/** Settles when the run is being taken down. Never rejects. */
export async function lookAfter(run: LiveRun, actors: Actors): Promise<void> {
  const { plan, world, journal, leaving } = run;
  await watchHealth(plan, {
    prober: world.prober,
    clock: world.clock,
    leaving: leaving.signal,
    isReady: (process) => journal.stateOf(process) === 'ready',
    onUnhealthy: ({ name }, seen) => {
      const actor = actors.get(name);
      if (actor !== undefined) giveUpUnhealthy(run, actor, seen);
    },
  });
}
