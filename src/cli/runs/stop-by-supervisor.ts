/** Has a run stopped by its supervisor, and ends the supervisor that does not get on with it. */
import { systemClock } from '../../base/clock.ts';
import type { Identity } from '../../base/identity.ts';
import { presenceOf, signalProven } from '../../process/identity.ts';
import { askStop, followEvents, isSilence } from '../../run/control-client.ts';
import { type RunFiles, socketOf, type StateFolders } from '../../run/folders.ts';
import { readPlan, type StoredRun } from '../../run/record.ts';
import type { Progress } from '../../view/progress.ts';
import { immediateLimitMs, outwait, soleReaper, stopLimitMs } from '../../deployment/sole-reaper.ts';
import { runAsItIs } from '../../deployment/find-run.ts';

export interface StopWish {
  readonly now: boolean;
  readonly progress: Progress;
  readonly say: (line: string) => void;
}

/** `overdue`: it stopped the run in order for as long as that may take, so no process needs another grace. */
export type StopOutcome = 'gone' | 'overdue';

/** So long a supervisor may take to answer, unless it shall go at once; the answer to one request is due in 2 s. */
const patienceMs = 10_000;
/** One that nobody listens for gets SIGTERM after this: one that has only just started will listen in a moment. */
const unheardMs = 1_000;
const pauseMs = 5;

/**
 * Returns when no supervisor is in the way. One that is suspended is woken. One that cannot be asked (its socket is gone,
 * or it is of another version) gets SIGTERM, which means the same to it. One that does neither is ended with SIGKILL:
 * its record names it by pid, start time and boot.
 */
export async function stopBySupervisor(
  folders: StateFolders,
  run: StoredRun,
  wish: StopWish,
): Promise<StopOutcome> {
  const { runId } = run.record;
  const { files } = run;
  const begunAt = systemClock.now();
  const limitMs = wish.now ? 2 * immediateLimitMs : stopLimitMs(readPlan(files));
  let until = begunAt + (wish.now ? immediateLimitMs : patienceMs);
  let began = false;
  const beginsToStop = (): void => {
    began = true;
    until = begunAt + limitMs;
  };
  for (let woken = false; ; await systemClock.sleep(pauseMs)) {
    // Read again each time: the command that prepared the run may hand it to another process.
    const { record, supervised } = runAsItIs(folders, run);
    if (!supervised) return 'gone';
    const { supervisor } = record;
    const socket = socketOf(folders, record);
    if (systemClock.now() >= until) {
      await endSupervisor(files, runId, supervisor);
      wish.say(
        `${runId}: its supervisor, pid ${supervisor.pid}, did not ${began ? 'get on' : 'answer'} and was ended`,
      );
      return began ? 'overdue' : 'gone';
    }
    if (presenceOf(supervisor) === 'suspended' && signalProven(supervisor, 'SIGCONT')) {
      if (!woken) wish.say(`${runId}: its supervisor, pid ${supervisor.pid}, was suspended: woken`);
      woken = true;
    }
    try {
      await askStop(socket, wish.now);
      beginsToStop();
      await showStopping(socket, wish.progress, until);
    } catch (error) {
      const unheard = !isSilence(error) && systemClock.now() - begunAt > unheardMs;
      if (unheard && !began && !wish.now && signalProven(supervisor, 'SIGTERM')) beginsToStop();
    }
  }
}

async function showStopping(socket: string, progress: Progress, until: number): Promise<void> {
  const leave = new AbortController();
  const timer = setTimeout(() => leave.abort(), Math.max(0, until - systemClock.now()));
  try {
    let stopping = false;
    for await (const event of followEvents(socket, leave.signal)) {
      stopping ||= event.type === 'run' && event.phase === 'stopping';
      if (stopping) progress.show(event);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Its keeper wakes up when it dies, and would end the run with every grace: so the claim to do that is ours before. */
async function endSupervisor(files: RunFiles, runId: string, supervisor: Identity): Promise<void> {
  await soleReaper(files, runId, immediateLimitMs);
  await outwait(supervisor, 0);
}
