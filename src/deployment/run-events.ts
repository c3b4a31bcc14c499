/** The events of a run, live or from its file. */
import { systemClock } from '../base/clock.ts';
import { followEvents, isSilence, isUnreachable } from '../run/control-client.ts';
import { readEvents } from '../run/record.ts';
import { socketOf, type StateFolders } from '../run/folders.ts';
import type { RunEvent } from '../supervisor/events.ts';
import { presenceOf } from '../process/identity.ts';
import { findRun } from './find-run.ts';
import { isYoung, silenceError } from './ask-supervisor.ts';

const tidyMs = 5_000;

/**
 * From the first one; of a live run until it has ended, or `leave` aborts. Throws `unavailable` when its supervisor
 * is suspended, or gives no sign of life.
 */
export async function* eventsOf(
  folders: StateFolders,
  runId: string,
  leave?: AbortSignal,
): AsyncGenerator<RunEvent> {
  let unreachableSince: number | undefined;
  for (;;) {
    if (leave?.aborted === true) return;
    const run = findRun(folders, runId);
    if (!run.supervised) return yield* readEvents(run.files);
    try {
      return yield* followEvents(socketOf(folders, run.record), leave);
    } catch (error) {
      if (isSilence(error)) throw silenceError(run, error);
      if (!isUnreachable(error)) throw error;
      unreachableSince ??= systemClock.now();
      // One that has only just started does not listen yet, and one that tidies up does not listen any more.
      const waitsSince = Math.max(unreachableSince, isYoung(run.record) ? systemClock.now() : 0);
      if (presenceOf(run.record.supervisor) === 'suspended' || systemClock.now() - waitsSince > tidyMs)
        throw silenceError(run, error);
      await systemClock.sleep(10);
    }
  }
}
