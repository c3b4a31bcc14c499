/** Periodic work of a supervisor: finds descendants and their shared memory, restores its records, rotates logs. */
import type { Environment } from '../base/environment.ts';
import { messageOf } from '../base/error-code.ts';
import { type Plan, requestsFile, spansFile } from '../plan/plan.ts';
import type { OwnedProcess } from '../process/owned.ts';
import { largestFile } from '../process/room.ts';
import { rotateLog } from '../process/rotate-log.ts';
import type { Tracker } from '../process/tracker.ts';
import { createSegmentWatch } from '../process/shared-memory.ts';
import type { ProcessState } from '../supervisor/events.ts';

const beatMs = 5_000;
/**
 * While states change, new processes appear that may hide later; afterwards, scanning /proc at every third beat is enough. So it
 * is once all are ready in control groups of their own, where nothing can hide.
 */
const activeMs = 60_000;
/** A process that has just started hides nothing yet, and needs the CPU more than we do. */
const settleMs = 250;

export interface Upkeep {
  /** A process has changed its state: scan soon. */
  stir(state: ProcessState): void;
  end(): void;
}

export interface UpkeepSettings {
  /** Its plan may change meanwhile. */
  readonly run: { readonly plan: Plan };
  readonly ledgerFile: string;
  readonly tracker: Tracker;
  /** Of the programs that rotate logs. */
  readonly environment: Environment;
  readonly warn: (problem: string) => void;
  readonly restore: () => void;
}

export function startUpkeep(settings: UpkeepSettings): Upkeep {
  const { run, ledgerFile, tracker, restore } = settings;
  const rotate = rotation(settings);
  const watchSegments = createSegmentWatch(ledgerFile, run.plan.runId);
  let before: readonly OwnedProcess[] | undefined;
  /** Fifty processes that end at once share one scan. */
  const watchOnce = (seen: readonly OwnedProcess[]): void => {
    if (seen !== before) watchSegments(seen);
    before = seen;
  };
  const scan = (): void =>
    void tracker
      .scan()
      .then(watchOnce)
      .catch(() => {});
  let changedAt = performance.now();
  let changedTo: ProcessState | undefined;
  let soon: NodeJS.Timeout | undefined;
  const scanLater = (): void => {
    soon = undefined;
    scan();
  };
  let beats = 0;
  const timer = setInterval(() => {
    beats++;
    const isSettled = changedTo === 'ready' && tracker.allContained();
    if ((performance.now() - changedAt < activeMs && !isSettled) || beats % 3 === 0) scan();
    restore();
    void rotate();
  }, beatMs);
  return {
    stir: (state) => {
      changedAt = performance.now();
      changedTo = state;
      // There is nothing to find before the start; and a stop scans by itself where it must.
      if (state === 'starting' || state === 'stopping' || state === 'stopped') return;
      // After a failure either the run or what is left of the process is stopped: that scans, and must not wait for us.
      if (state === 'started' || state === 'ready' || state === 'failed')
        soon ??= setTimeout(scanLater, settleMs);
      else scan();
    },
    end: () => {
      clearTimeout(soon);
      clearInterval(timer);
    },
  };
}

/** One log after the other; never two rotations at the same time. */
function rotation({ run, environment, warn }: UpkeepSettings): () => Promise<void> {
  // A log that reaches the file size limit kills its process, or is no longer written.
  const most = Math.min(run.plan.maxLogBytes, largestFile() / 2);
  let busy = false;
  return async () => {
    if (busy) return;
    busy = true;
    const { plan } = run;
    const files = [...plan.processes.map(({ logFile }) => logFile), requestsFile(plan), spansFile(plan)];
    for (const file of files) {
      await rotateLog(file, most, environment).catch((error: unknown) =>
        warn(`${file} is too large, but could not be rotated: ${messageOf(error)}`),
      );
    }
    busy = false;
  };
}
