/** Sees whether processes that are not ready yet get on: from their logs, and from the cache of models as it grows. */
import { linesOf } from '../base/logs.ts';
import type { LoadProgress } from '../supervisor/progress.ts';
import type { LoadWatcher } from '../supervisor/contracts.ts';
import { bytesIn } from './hub-cache.ts';
import { followLogs } from './log-follow.ts';
import { loadStep } from './load-step.ts';
import { logTail } from './log-tail.ts';

export interface WatchedLoad {
  readonly process: string;
  readonly logFile: string;
  /** Folder of the model in the cache of the hub, where it may be downloaded to. */
  readonly modelFolder?: string | undefined;
}

const cacheEveryMs = 1_000;

export function createLoadWatcher(loads: readonly WatchedLoad[]): LoadWatcher {
  return {
    watch: (process, onProgress) => {
      const load = loads.find((each) => each.process === process);
      if (load === undefined) return () => {};
      const endLog = watchLog(load, onProgress);
      const endCache = load.modelFolder === undefined ? undefined : watchCache(load.modelFolder, onProgress);
      return () => {
        endLog();
        endCache?.();
      };
    },
  };
}

/** A bar that is drawn again with the same value is no progress. */
function watchLog(
  { process, logFile }: WatchedLoad,
  onProgress: (progress: LoadProgress) => void,
): () => void {
  const furthest = new Map<string, number>();
  const read = (line: string): void => {
    const step = loadStep(line);
    if (step === undefined) return;
    // Bytes are rounded as they are drawn: 99 % and 100 % may show the same.
    const far = (step.doneBytes ?? 0) + (step.percent ?? 0);
    if (far <= (furthest.get(step.what) ?? -1)) return;
    furthest.set(step.what, far);
    onProgress(step);
  };
  // What an earlier life of the process wrote is not progress of this one.
  const from = logTail(logFile, 0).end;
  const follower = followLogs([{ process, file: logFile, from }], {
    onText: (_, text) => linesOf(text).forEach(read),
    onDrawn: (_, line) => read(line),
  });
  return () => void follower.end();
}

function watchCache(folder: string, onProgress: (progress: LoadProgress) => void): () => void {
  let before = bytesIn(folder);
  let at = performance.now();
  const timer = setInterval(() => {
    const [bytes, now] = [bytesIn(folder), performance.now()];
    if (bytes > before) {
      const bytesPerSecond = Math.round(((bytes - before) / (now - at)) * 1000);
      onProgress({ doing: 'downloading', what: 'the model', doneBytes: bytes, bytesPerSecond });
      before = bytes;
    }
    at = now;
  }, cacheEveryMs);
  return () => clearInterval(timer);
}
