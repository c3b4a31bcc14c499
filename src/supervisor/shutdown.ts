/** Why a run shuts down, and how: processes stop in order, within one time budget, and what was killed or is left is reported. */
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/error-code.ts';
import type { Plan, ProcessSpec } from '../plan/plan.ts';
import type { Child, Dependencies } from './contracts.ts';
import type { Exit, Failure, ProcessState, StopReport } from './events.ts';
import { StartFailure } from './failure.ts';
import type { Journal } from './status.ts';

export interface Shutdown {
  /** Aborts when the run shuts down. */
  readonly signal: AbortSignal;
  /** Settles at the same time. Never rejects. */
  readonly begun: Promise<void>;
  request(): void;
  /** Like `request`, but from now on no process gets a grace period. */
  requestNow(): void;
  fail(reason: Failure): void;
  isImmediate(): boolean;
  /** Settles when the cause of a failure was recorded or is unknown; at once if nothing failed. */
  explained(): Promise<void>;
}

export function createShutdown(journal: Journal, diagnose: Dependencies['diagnose']): Shutdown {
  const shutdown = new AbortController();
  const { signal } = shutdown;
  const begun = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  let immediate = false;
  let explained = Promise.resolve();
  const explain = async (reason: Failure): Promise<void> => {
    const diagnosis = await diagnose(reason);
    if (diagnosis !== undefined) journal.record({ type: 'diagnosed', diagnosis });
  };
  return {
    signal,
    begun,
    request: () => shutdown.abort(new Error('a stop was requested')),
    requestNow: () => {
      immediate = true;
      shutdown.abort(new Error('a kill was requested'));
    },
    fail: (reason) => {
      if (signal.aborted) return;
      journal.record({ type: 'failed', reason });
      // While the rest is being stopped.
      explained = explain(reason);
      shutdown.abort(new StartFailure(reason));
    },
    isImmediate: () => immediate,
    explained: async () => await explained,
  };
}

export interface Stopping {
  readonly children: ReadonlyMap<string, Child>;
  readonly clock: Clock;
  readonly enter: (process: string, state: ProcessState, about?: { exit?: Exit }) => void;
  /** It was started, but is not ready yet. */
  readonly isLoading: (process: string) => boolean;
  /** True once the user asked to kill everything now. */
  readonly isImmediate: () => boolean;
}

/** What a stop needs to know of a plan, or of a run whose plan is lost. */
export interface StopOrder extends Pick<Plan, 'stopOrder' | 'stopTimeoutMs'> {
  readonly processes: readonly StopSpec[];
}

type StopSpec = Pick<
  ProcessSpec,
  'name' | 'kind' | 'stopGraceMs' | 'loadingStopGraceMs' | 'unusedStopGraceMs' | 'ports'
>;

/** A stop in progress. Neither promise ever rejects. */
interface Stop {
  readonly gone: Promise<StopReport>;
  /** Settles when it needs no worker any more: it has no client, or is gone. */
  readonly idle: Promise<unknown>;
}

/**
 * A wave begins when the one before is gone. Workers stop earlier: as soon as no client is connected to the frontend, which
 * in upstream's 1.6 lives for another 300 ms. etcd and NATS wait for both, because frontend and workers deregister there.
 */
export async function stopInWaves(plan: StopOrder, stopping: Stopping): Promise<StopReport> {
  const deadline = plan.stopTimeoutMs === undefined ? Infinity : stopping.clock.now() + plan.stopTimeoutMs;
  const begun: Stop[] = [];
  // Without a frontend here, those of other hosts may use them.
  let unused = false;
  for (const wave of plan.stopOrder) {
    const specs = plan.processes.filter(({ name }) => wave.includes(name));
    const needsEnd = specs.some(({ kind }) => kind !== 'worker');
    await Promise.all(begun.map(({ gone, idle }) => (needsEnd ? gone : idle)));
    begun.push(...specs.map((spec) => beginStop(spec, { deadline, unused }, stopping)));
    unused ||= specs.some(({ kind }) => kind === 'frontend');
  }
  const reports = await Promise.all(begun.map(async ({ gone }) => await gone));
  return {
    killed: reports.flatMap(({ killed }) => killed),
    left: reports.flatMap(({ left }) => left),
  };
}

interface StopTime {
  readonly deadline: number;
  /** A frontend has stopped before, or has no client left. */
  readonly unused: boolean;
}

function beginStop(spec: StopSpec, { deadline, unused }: StopTime, stopping: Stopping): Stop {
  const { children, clock, enter, isLoading, isImmediate } = stopping;
  const child = children.get(spec.name);
  if (child === undefined) {
    enter(spec.name, 'stopped');
    const gone = Promise.resolve<StopReport>({ killed: [], left: [] });
    return { gone, idle: gone };
  }
  const needed = (isLoading(spec.name) ? spec.loadingStopGraceMs : undefined) ?? spec.stopGraceMs;
  const grace = Math.min(needed, unused ? (spec.unusedStopGraceMs ?? Infinity) : Infinity);
  enter(spec.name, 'stopping');
  const budget = isImmediate() ? 0 : Math.max(0, Math.min(grace, deadline - clock.now()));
  const { http } = spec.ports;
  // Reads the port before the signal is sent: only a port that was open can be seen to close.
  const draining =
    spec.kind === 'frontend' && http !== undefined && budget > 0 ? drainingOf(child, http) : undefined;
  const stopped = stopChild(spec.name, child, budget, enter);
  // That is how such a stop ends, and no reason to look into it.
  const asPlanned = (): boolean => grace < needed && budget === grace && !isImmediate();
  const gone = stopped.then((report) => (asPlanned() ? { killed: [], left: report.left } : report));
  if (draining === undefined) return { gone, idle: gone };
  return { gone: gone.finally(draining.end), idle: Promise.race([gone, draining.drained]) };
}

function drainingOf(child: Child, port: number): { drained: Promise<void>; end: () => void } {
  const ended = new AbortController();
  return { drained: child.drained(port, ended.signal), end: () => ended.abort() };
}

async function stopChild(
  name: string,
  child: Child,
  budgetMs: number,
  enter: Stopping['enter'],
): Promise<StopReport> {
  // If one cannot be stopped, the others still must be.
  const report = await child.stop(budgetMs).catch((error: unknown): StopReport => ({
    killed: [],
    left: [`${child.pid ?? 'container'} (${name}: ${messageOf(error)})`],
  }));
  const exit = report.left.length === 0 ? await child.exited : undefined;
  enter(name, 'stopped', exit === undefined ? {} : { exit });
  return report;
}
