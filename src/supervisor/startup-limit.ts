/** How long a deployment may take to serve: counted anew whenever a process gets on or can start only now, up to a cap. */
import { timeLimit } from '../base/time-limit.ts';
import type { Failure } from './event.ts';
import { notReadyInTime } from './failure.ts';
import type { LiveRun } from './live-run.ts';
import type { LoadProgress } from './load.ts';
import { type LoadTally, loadTally } from './load-tally.ts';

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
  const { plan, world, journal, leaving } = run;
  const startedAt = world.clock.now();
  const loading = loadTally(world.clock);
  const limit = timeLimit(plan.readyTimeoutMs, world.clock, leaving.signal, plan.startupCapMs);
  let renewed = false;
  const renew = (): void => {
    limit.renew();
    renewed = plan.startupCapMs > plan.readyTimeoutMs;
  };
  limit.signal.addEventListener('abort', () => {
    if (!limit.isOver()) return;
    leaving.fail(tooLate(run, renewed ? world.clock.now() - startedAt : plan.readyTimeoutMs, loading));
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
