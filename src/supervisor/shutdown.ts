/** Why a run ends, and how: every process in order, within one budget, with a report of what had to be killed and what is left. */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import type { Plan, ProcessSpec } from '../plan/plan.ts';
import type { Child, World } from './contracts.ts';
import type { Exit, Failure, ProcessState, StopReport } from './events.ts';
import { StartFailure } from './failure.ts';
import type { Journal } from './status.ts';

export interface Shutdown {
  /** Aborts when the run is to be taken down. */
  readonly signal: AbortSignal;
  /** Settles at the same time. Never rejects. */
  readonly begun: Promise<void>;
  request(): void;
  /** As `request`, and from now on no process gets a grace. */
  requestNow(): void;
  fail(reason: Failure): void;
  withoutGrace(): boolean;
  /** Settles when the cause of a failure has been told, or is not known; at once where nothing failed. */
  explained(): Promise<void>;
}

export function createShutdown(journal: Journal, diagnose: World['diagnose']): Shutdown {
  const shutdown = new AbortController();
  const { signal } = shutdown;
  const begun = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  let atOnce = false;
  let explained = Promise.resolve();
  const explain = async (reason: Failure): Promise<void> => {
    const diagnosis = await diagnose(reason);
    if (diagnosis !== undefined) journal.tell({ type: 'diagnosed', diagnosis });
  };
  return {
    signal,
    begun,
    request: () => shutdown.abort(new Error('stop was asked for')),
    requestNow: () => {
      atOnce = true;
      shutdown.abort(new Error('kill was asked for'));
    },
    fail: (reason) => {
      if (signal.aborted) return;
      journal.tell({ type: 'failed', reason });
      // While the rest is being stopped.
      explained = explain(reason);
      shutdown.abort(new StartFailure(reason));
    },
    withoutGrace: () => atOnce,
    explained: async () => await explained,
  };
}

export interface Stopping {
  readonly children: ReadonlyMap<string, Child>;
  readonly clock: Clock;
  readonly enter: (process: string, state: ProcessState, about?: { exit?: Exit }) => void;
  /** It was started, and has not been ready. */
  readonly isLoading: (process: string) => boolean;
  /** True once the user has lost patience. */
  readonly withoutGrace: () => boolean;
}

/** What must be known of a plan, or of what is left of a run without one. */
export interface StopOrder extends Pick<Plan, 'stopOrder' | 'stopTimeoutMs'> {
  readonly processes: readonly StopSpec[];
}

type StopSpec = Pick<ProcessSpec, 'name' | 'kind' | 'stopGraceMs' | 'loadingStopGraceMs' | 'ports'>;

/** A stop that has begun. Neither ever rejects. */
interface Stop {
  readonly gone: Promise<StopReport>;
  /** Settles when it needs no worker any more: it serves nobody, or is gone. */
  readonly idle: Promise<unknown>;
}

/**
 * A wave begins when the one before is gone. Workers need not wait that long: of a frontend that nobody is connected to
 * nobody waits for an answer, and upstream's 1.6 lives for another 300 ms then. etcd and NATS do: both take their leave there.
 */
export async function stopInWaves(plan: StopOrder, stopping: Stopping): Promise<StopReport> {
  const deadline = plan.stopTimeoutMs === undefined ? Infinity : stopping.clock.now() + plan.stopTimeoutMs;
  const begun: Stop[] = [];
  for (const wave of plan.stopOrder) {
    const specs = plan.processes.filter(({ name }) => wave.includes(name));
    const needsEnd = specs.some(({ kind }) => kind !== 'worker');
    await Promise.all(begun.map(({ gone, idle }) => (needsEnd ? gone : idle)));
    begun.push(...specs.map((spec) => beginStop(spec, deadline, stopping)));
  }
  const reports = await Promise.all(begun.map(async ({ gone }) => await gone));
  return {
    killed: reports.flatMap(({ killed }) => killed),
    left: reports.flatMap(({ left }) => left),
  };
}

function beginStop(spec: StopSpec, deadline: number, stopping: Stopping): Stop {
  const { children, clock, enter, isLoading, withoutGrace } = stopping;
  const child = children.get(spec.name);
  if (child === undefined) {
    enter(spec.name, 'stopped');
    const gone = Promise.resolve<StopReport>({ killed: [], left: [] });
    return { gone, idle: gone };
  }
  const grace = (isLoading(spec.name) ? spec.loadingStopGraceMs : undefined) ?? spec.stopGraceMs;
  enter(spec.name, 'stopping');
  const budget = withoutGrace() ? 0 : Math.max(0, Math.min(grace, deadline - clock.now()));
  const ended = new AbortController();
  const { http } = spec.ports;
  // Looks at the port before the signal: only of one that was listened on can be told that it is closed.
  const drained =
    spec.kind === 'frontend' && http !== undefined && budget > 0 ? [child.drained(http, ended.signal)] : [];
  const gone = stopChild(spec.name, child, budget, enter);
  return { gone: gone.finally(() => ended.abort()), idle: Promise.race([gone, ...drained]) };
}

async function stopChild(
  name: string,
  child: Child,
  budgetMs: number,
  enter: Stopping['enter'],
): Promise<StopReport> {
  // One that cannot be stopped must not keep the others from being stopped.
  const report = await child.stop(budgetMs).catch((error: unknown): StopReport => ({
    killed: [],
    left: [`${child.pid ?? 'container'} (${name}: ${messageOf(error)})`],
  }));
  const exit = report.left.length === 0 ? await child.exited : undefined;
  enter(name, 'stopped', exit === undefined ? {} : { exit });
  return report;
}
