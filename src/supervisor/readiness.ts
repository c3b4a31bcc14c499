/** How long a process or a deployment may take to become ready. Progress restarts the timer, up to a cap. */
import { type Clock, timeLimit } from '../base/clock.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { LoadWatcher, Prober } from './contracts.ts';
import type { Failure, Waited } from './events.ts';
import { notReadyInTime, StartFailure } from './failure.ts';
import type { RunContext } from './run-context.ts';
import { type LoadProgress, type LoadTally, loadTally } from './progress.ts';

export interface StartDependencies {
  readonly prober: Prober;
  readonly clock: Clock;
  readonly loads: LoadWatcher;
  /** Upper limit for start-up, however much progress is reported. */
  readonly startupCapMs: number;
  readonly onProgress: (progress: LoadProgress) => void;
}

export interface StartTerms {
  /** For what it waited before it could start. */
  readonly waited?: Waited;
  /** A limit for this start beside that of its component; no progress extends it. */
  readonly withinMs?: number;
}

/** Starts the timer. Rejects with StartFailure on timeout, and with the reason of `ended` when that aborts. */
export async function untilReady(
  spec: ProcessSpec,
  { waited, withinMs }: StartTerms,
  deps: StartDependencies,
  ended: AbortSignal,
): Promise<void> {
  const { clock, prober } = deps;
  const begin = clock.now();
  const limitMs = Math.min(spec.startupTimeoutMs, withinMs ?? Infinity);
  const limit = timeLimit(limitMs, clock, ended, Math.min(deps.startupCapMs, withinMs ?? Infinity));
  let last: { progress: LoadProgress; at: number } | undefined;
  const soon = new AbortController();
  // Slow progress is still progress: the timer restarts.
  const endWatch = deps.loads.watch(spec.name, (progress) => {
    last = { progress, at: clock.now() };
    limit.renew();
    // The last phase: SGLang on an H200 was ready 11 ms later.
    if (progress.phase === 'registration') soon.abort();
    deps.onProgress(progress);
  });
  try {
    await prober.ready(spec.probe, limit.signal, soon.signal);
  } catch (error) {
    if (!limit.isOver()) throw error;
    const now = clock.now();
    throw new StartFailure(
      notReadyInTime(spec, {
        ms: last === undefined ? limitMs : now - begin,
        countedFrom: 'its start',
        waited,
        last: last === undefined ? undefined : { progress: last.progress, agoMs: now - last.at },
        lastSeen: prober.lastSeen(spec.probe),
      }),
    );
  } finally {
    endWatch();
    limit.clear();
  }
}

export interface StartupLimit {
  /** Call this when a process that is not ready has made progress; also during restarts, after the limit was cleared. */
  progressed(process: string, progress: LoadProgress): void;
  /** Call this when a process that waited for others can start. */
  unblocked(): void;
  /** Call this when the deployment serves or has failed. */
  clear(): void;
}

/** Starts the timer. The run fails when it expires. */
export function startupLimit(run: RunContext): StartupLimit {
  const { plan, deps, journal, shutdown } = run;
  const startedAt = deps.clock.now();
  const loading = loadTally(deps.clock);
  const limit = timeLimit(plan.readyTimeoutMs, deps.clock, shutdown.signal, plan.startupCapMs);
  let renewed = false;
  const renew = (): void => {
    limit.renew();
    renewed = plan.startupCapMs > plan.readyTimeoutMs;
  };
  limit.signal.addEventListener('abort', () => {
    if (!limit.isOver()) return;
    shutdown.fail(tooLate(run, renewed ? deps.clock.now() - startedAt : plan.readyTimeoutMs, loading));
  });
  return {
    progressed: (process, progress) => {
      renew();
      if (loading.note(process, progress)) journal.record({ type: 'progress', process, progress });
    },
    unblocked: renew,
    clear: () => limit.clear(),
  };
}

/** Names the process that was late, if there is one. */
function tooLate({ plan, deps, journal }: RunContext, ms: number, loading: LoadTally): Failure {
  const late = plan.processes.find(({ name }) => journal.stateOf(name) === 'started');
  return notReadyInTime(late, {
    ms,
    countedFrom: 'the start of the run',
    waited: late === undefined ? undefined : journal.status().processes[late.name]?.waited,
    last: loading.last(late?.name),
    lastSeen: deps.prober.lastSeen(late?.probe),
  });
}
