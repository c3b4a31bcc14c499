/** Waits until a process that was started is ready: for as long as it gets on, within its own time. */
import { timeLimit } from '../base/time-limit.ts';
import type { ProcessSpec } from '../plan/plan.ts';
import type { Clock } from '../base/clock.ts';
import type { Prober } from './child.ts';
import { notReadyInTime, StartFailure } from './failure.ts';
import type { LoadProgress, LoadWatcher } from './load.ts';
import type { Waited } from './waited.ts';

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
