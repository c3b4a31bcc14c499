/** Asks the supervisor of a run to stop it, and kills a supervisor that does not answer or makes no progress. */
import { systemClock } from '../../base/clock.ts';
import type { Identity } from '../../base/identity.ts';
import { presenceOf, signalProven } from '../../process/identity.ts';
import { askStop, followEvents, isSilence } from '../../run/control-client.ts';
import { type RunFiles, socketOf, type StateFolders } from '../../run/folders.ts';
import { readPlan, type StoredRun } from '../../run/record.ts';
import type { Progress } from '../../view/progress.ts';
import { immediateLimitMs, outwait, soleReaper, stopLimitMs } from '../../deployment/sole-reaper.ts';
import { runAsItIs } from '../../deployment/find-run.ts';

export interface StopRequest {
  readonly now: boolean;
  readonly progress: Progress;
  readonly say: (line: string) => void;
}

/** `overdue`: an orderly stop took all the time it may take, so no process gets another grace period. */
export type StopOutcome = 'gone' | 'overdue';

/** How long a supervisor may take to begin stopping, without --now. Each request to it is answered within 2 s. */
const patienceMs = 10_000;
/** A supervisor that does not listen gets SIGTERM after this: one that has just started will listen in a moment. */
const notListeningMs = 1_000;
const pauseMs = 5;

/**
 * Returns when the supervisor is gone. A suspended one is resumed. One that cannot be asked (its socket is gone, or it has
 * another version) gets SIGTERM, which has the same effect. One that does not react is killed: its record identifies it by
 * pid, start time and boot.
 */
export async function stopBySupervisor(
  folders: StateFolders,
  run: StoredRun,
  request: StopRequest,
): Promise<StopOutcome> {
  const { runId } = run.record;
  const { files } = run;
  const begunAt = systemClock.now();
  const limitMs = request.now ? 2 * immediateLimitMs : stopLimitMs(readPlan(files));
  let until = begunAt + (request.now ? immediateLimitMs : patienceMs);
  let began = false;
  const beginsToStop = (): void => {
    began = true;
    until = begunAt + limitMs;
  };
  for (let resumed = false; ; await systemClock.sleep(pauseMs)) {
    // Read each time: the command that prepared the run may hand it over to another process.
    const { record, supervised } = runAsItIs(folders, run);
    if (!supervised) return 'gone';
    const { supervisor } = record;
    const socket = socketOf(folders, record);
    if (systemClock.now() >= until) {
      await endSupervisor(files, runId, supervisor);
      request.say(
        `${runId}: its supervisor (pid ${supervisor.pid}) ${began ? 'made no progress' : 'did not answer'} and was killed`,
      );
      return began ? 'overdue' : 'gone';
    }
    if (presenceOf(supervisor) === 'suspended' && signalProven(supervisor, 'SIGCONT')) {
      if (!resumed)
        request.say(`${runId}: its supervisor (pid ${supervisor.pid}) was suspended and has been resumed`);
      resumed = true;
    }
    const shown = showStopping(socket, request.progress);
    try {
      await askStop(socket, request.now);
      beginsToStop();
      await shown.end(until);
    } catch (error) {
      const isNotListening = !isSilence(error) && systemClock.now() - begunAt > notListeningMs;
      if (isNotListening && !began && !request.now && signalProven(supervisor, 'SIGTERM')) beginsToStop();
    } finally {
      shown.leave();
    }
  }
}

interface Showing {
  /** Settles when the supervisor is gone, or at this time. Rejects if it could not be asked for its events. */
  end(at: number): Promise<void>;
  leave(): void;
}

/** Call this before the stop is asked for: that may take less time than to connect once more. */
function showStopping(socket: string, progress: Progress): Showing {
  const leave = new AbortController();
  const show = async (): Promise<void> => {
    let stopping = false;
    for await (const event of followEvents(socket, leave.signal)) {
      stopping ||= event.type === 'run' && event.phase === 'stopping';
      if (stopping) progress.show(event);
    }
  };
  const shown = show();
  // Not unhandled if the stop cannot be asked for either.
  shown.catch(() => {});
  return {
    end: async (at) => {
      const timer = setTimeout(() => leave.abort(), Math.max(0, at - systemClock.now()));
      await shown.finally(() => clearTimeout(timer));
    },
    leave: () => leave.abort(),
  };
}

/** When it dies, its keeper would end the run with full grace periods: so we claim that task first. */
async function endSupervisor(files: RunFiles, runId: string, supervisor: Identity): Promise<void> {
  await soleReaper(files, runId, immediateLimitMs);
  await outwait(supervisor, 0);
}
