/** What the parts of one supervision share, from its first process to its last. */
import type { Plan } from '../plan/plan.ts';
import type { World } from './contracts.ts';
import { createShutdown, type Shutdown } from './shutdown.ts';
import type { Journal } from './status.ts';

export interface LiveRun {
  readonly plan: Plan;
  readonly world: World;
  readonly journal: Journal;
  readonly shutdown: Shutdown;
  readonly underWay: UnderWay;
}

export function openRun(plan: Plan, world: World, journal: Journal): LiveRun {
  const shutdown = createShutdown(journal, world.diagnose);
  return { plan, world, journal, shutdown, underWay: createUnderWay() };
}

/** Remembers what is under way, so that taking down waits for it: a launch must be known before it can be ended. */
interface UnderWay {
  track<T>(work: Promise<T>): Promise<T>;
  /** Settles when all that is under way now has ended, well or not. Never rejects. */
  settled(): Promise<void>;
}

function createUnderWay(): UnderWay {
  const works = new Set<Promise<unknown>>();
  return {
    track: (work) => {
      works.add(work);
      const forget = (): void => void works.delete(work);
      work.then(forget, forget);
      return work;
    },
    settled: async () => {
      await Promise.allSettled(works);
    },
  };
}
