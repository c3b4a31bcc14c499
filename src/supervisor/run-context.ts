/** What all parts of a supervision share: the plan, the dependencies, the journal and the shutdown. */
import type { Plan } from '../plan/plan.ts';
import type { Dependencies } from './contracts.ts';
import type { Failure } from './events.ts';
import { createShutdown, type Shutdown } from './shutdown.ts';
import type { Journal } from './status.ts';

export interface RunContext {
  /** As it is now: a change of the run replaces it. Read it when it is needed. */
  readonly plan: Plan;
  readonly deps: Dependencies;
  readonly journal: Journal;
  readonly shutdown: Shutdown;
  readonly pendingWork: PendingWork;
  /** Processes that are being added: the loss of one is told here, and does not concern the others. */
  readonly onTrial: Map<string, (reason: Failure) => void>;
  /** From now on the run has these processes. */
  adopt(plan: Plan): void;
  /** Aborts when the plan is next replaced. */
  replaced(): AbortSignal;
}

export function openRun(plan: Plan, deps: Dependencies, journal: Journal): RunContext {
  const shutdown = createShutdown(journal, deps.diagnose);
  let current = plan;
  let replaced = new AbortController();
  return {
    get plan() {
      return current;
    },
    deps,
    journal,
    shutdown,
    pendingWork: createPendingWork(),
    onTrial: new Map(),
    adopt: (next) => {
      current = next;
      replaced.abort();
      replaced = new AbortController();
    },
    replaced: () => replaced.signal,
  };
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
