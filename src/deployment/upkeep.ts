/** What a supervisor does every now and then: looks for descendants that hide and what they share, keeps its records. */
import type { Environment } from '../base/environment.ts';
import { messageOf } from '../base/error-code.ts';
import type { Plan } from '../plan/plan.ts';
import type { OwnedProcess } from '../process/owned.ts';
import { largestFile } from '../process/room.ts';
import { rotateLog } from '../process/rotate-log.ts';
import type { Tracker } from '../process/tracker.ts';
import { createSegmentWatch } from '../process/shared-memory.ts';
import type { ProcessState } from '../supervisor/events.ts';

const beatMs = 5_000;
/** While things change, new processes come that may hide later; after that a look through /proc each third beat will do. */
const livelyMs = 60_000;
/** What has just begun hides nothing yet, and needs the processor more than we do. */
const settleMs = 250;

export interface Upkeep {
  /** A process has changed its state: what it started is known soon, and when it ends, from now on. */
  stir(state: ProcessState): void;
  end(): void;
}

export interface UpkeepSettings {
  readonly plan: Plan;
  readonly ledgerFile: string;
  readonly tracker: Tracker;
  /** Of the programs that help with large logs. */
  readonly environment: Environment;
  readonly warn: (problem: string) => void;
  readonly restore: () => void;
}

export function startUpkeep(settings: UpkeepSettings): Upkeep {
  const { plan, ledgerFile, tracker, restore } = settings;
  const rotate = rotation(settings);
  const watchSegments = createSegmentWatch(ledgerFile, plan.runId);
  let before: readonly OwnedProcess[] | undefined;
  /** Fifty processes that end at once share one look. */
  const watchOnce = (seen: readonly OwnedProcess[]): void => {
    if (seen !== before) watchSegments(seen);
    before = seen;
  };
  const look = (): void =>
    void tracker
      .scan()
      .then(watchOnce)
      .catch(() => {});
  let stirredAt = performance.now();
  let soon: NodeJS.Timeout | undefined;
  const lookLater = (): void => {
    soon = undefined;
    look();
  };
  let beats = 0;
  const timer = setInterval(() => {
    beats++;
    if (performance.now() - stirredAt < livelyMs || beats % 3 === 0) look();
    restore();
    void rotate();
  }, beatMs);
  return {
    stir: (state) => {
      stirredAt = performance.now();
      // Before it is started there is nothing of it to look for; who stopped it has just looked, twice.
      if (state === 'starting' || state === 'stopped') return;
      if (state === 'started' || state === 'ready') soon ??= setTimeout(lookLater, settleMs);
      else look();
    },
    end: () => {
      clearTimeout(soon);
      clearInterval(timer);
    },
  };
}

/** One log after the other; never twice at the same time. */
function rotation({
  plan: { processes, maxLogBytes },
  environment,
  warn,
}: UpkeepSettings): () => Promise<void> {
  // A log that reaches the limit of the shell ends its process, or is written no further.
  const most = Math.min(maxLogBytes, largestFile() / 2);
  let busy = false;
  return async () => {
    if (busy) return;
    busy = true;
    for (const { logFile } of processes) {
      await rotateLog(logFile, most, environment).catch((error: unknown) =>
        warn(`${logFile} is too long, but could not be moved aside: ${messageOf(error)}`),
      );
    }
    busy = false;
  };
}
