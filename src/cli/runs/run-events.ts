/** The events of a run, live or from its file. */
import { systemClock } from '../../base/clock.ts';
import { followEvents, isUnreachable } from '../../run/control-client.ts';
import { readEvents } from '../../run/event-file.ts';
import { socketPath, type StateFolders } from '../../run/folders.ts';
import type { RunEvent } from '../../supervisor/event.ts';
import { findRun } from './find-run.ts';

/** From the first one; of a live run until it has ended. */
export async function* eventsOf(folders: StateFolders, runId: string): AsyncGenerator<RunEvent> {
  for (;;) {
    const run = findRun(folders, runId);
    if (!run.supervised) return yield* readEvents(run.files);
    try {
      return yield* followEvents(socketPath(folders, runId));
    } catch (error) {
      // A supervisor that has only just started does not listen yet.
      if (!isUnreachable(error)) throw error;
      await systemClock.sleep(10);
    }
  }
}
