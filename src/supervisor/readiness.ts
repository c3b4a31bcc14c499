/** How long a process, and a deployment, may take to be ready: the time counts anew whenever something gets on, up to a cap. */
import { type Clock, timeLimit } from '../base/clock.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { LoadWatcher, Prober } from './contracts.ts';
import type { Failure, Waited } from './events.ts';
import { notReadyInTime, StartFailure } from './failure.ts';
import type { LiveRun } from './live-run.ts';
import { type LoadProgress, type LoadTally, loadTally } from './progress.ts';

export interface StartWorld {
  readonly prober: Prober;
  readonly clock: Clock;
  readonly loads: LoadWatcher;
  /** How long a start may take in all, however often it gets on. */
  readonly startupCapMs: number;
  readonly onProgress: (progress: LoadProgress) => void;
}

/** The time counts from now. Rejects with StartFailure when it is over, and with the reason of `ended` when that aborts. */
export async function untilReady(
  spec: ProcessSpec,
  waited: Waited | undefined,
  world: StartWorld,
  ended: AbortSignal,
): Promise<void> {
  const { clock, prober } = world;
  const begin = clock.now();
  const limit = timeLimit(spec.startupTimeoutMs, clock, ended, world.startupCapMs);
  let last: { progress: LoadProgress; at: number } | undefined;
  // What gets on is not stuck, however slow it is: the time counts from there.
  const endWatch = world.loads.watch(spec.name, (progress) => {
    last = { progress, at: clock.now() };
    limit.renew();
    world.onProgress(progress);
  });
  try {
    await prober.ready(spec.probe, limit.signal);
  } catch (error) {
    if (!limit.isOver()) throw error;
    const now = clock.now();
    throw new StartFailure(
      notReadyInTime(spec, {
        ms: last === undefined ? spec.startupTimeoutMs : now - begin,
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
  /** To be called when a process that is not ready has got on; also for restarts, when the limit is long cleared. */
  gotOn(process: string, progress: LoadProgress): void;
  /** To be called when a process can be started, and could not before. */
  turnCame(): void;
  /** To be called when the deployment serves, or never will. */
  clear(): void;
}

/** The time counts from now. When it is over, the run fails. */
export function startupLimit(run: LiveRun): StartupLimit {
  const { plan, world, journal, shutdown } = run;
  const startedAt = world.clock.now();
  const loading = loadTally(world.clock);
  const limit = timeLimit(plan.readyTimeoutMs, world.clock, shutdown.signal, plan.startupCapMs);
  let renewed = false;
  const renew = (): void => {
    limit.renew();
    renewed = plan.startupCapMs > plan.readyTimeoutMs;
  };
  limit.signal.addEventListener('abort', () => {
    if (!limit.isOver()) return;
    shutdown.fail(tooLate(run, renewed ? world.clock.now() - startedAt : plan.readyTimeoutMs, loading));
  });
  return {
    gotOn: (process, progress) => {
      renew();
      if (loading.note(process, progress)) journal.tell({ type: 'progress', process, progress });
    },
    turnCame: renew,
    clear: () => limit.clear(),
  };
}

/** Names the process that is late, where one is. */
function tooLate({ plan, world, journal }: LiveRun, ms: number, loading: LoadTally): Failure {
  const late = plan.processes.find(({ name }) => journal.stateOf(name) === 'started');
  return notReadyInTime(late, {
    ms,
    countedFrom: 'the start of the run',
    waited: late === undefined ? undefined : journal.status().processes[late.name]?.waited,
    last: loading.last(late?.name),
    lastSeen: world.prober.lastSeen(late?.probe),
  });
}
