/** What all parts of a supervision share: the plan, the dependencies, the journal and the shutdown. */
import type { Plan } from '../plan/plan.ts';
import type { Dependencies } from './contracts.ts';
import { createShutdown, type Shutdown } from './shutdown.ts';
import type { Journal } from './status.ts';

export interface RunContext {
  readonly plan: Plan;
  readonly deps: Dependencies;
  readonly journal: Journal;
  readonly shutdown: Shutdown;
  readonly pendingWork: PendingWork;
}

export function openRun(plan: Plan, deps: Dependencies, journal: Journal): RunContext {
  const shutdown = createShutdown(journal, deps.diagnose);
  return { plan, deps, journal, shutdown, pendingWork: createPendingWork() };
}

/** Work in progress, which a shutdown waits for: a process must have started before it can be stopped. */
interface PendingWork {
  track<T>(work: Promise<T>): Promise<T>;
  /** Settles when all work in progress now has finished, successfully or not. Never rejects. */
  settled(): Promise<void>;
}

function createPendingWork(): PendingWork {
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
