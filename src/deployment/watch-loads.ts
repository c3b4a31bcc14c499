/** Connects the supervisor to the watch of logs and caches, which is loaded while a process starts: no start waits for it. */
import type { Environment } from '../base/environment.ts';
import { type Plan, type ProcessSpec, runsModel } from '../plan/plan.ts';
import { logTail } from '../run/log-file.ts';
import type { LoadWatcher } from '../supervisor/contracts.ts';
import type { LoadProgress } from '../supervisor/progress.ts';

/** `plan`: as it is when a process starts. `environment`: what its processes inherit. */
export function loadWatcher(plan: () => Plan, environment: Environment): LoadWatcher {
  return {
    watch: (process, onProgress) => {
      const spec = plan().processes.find(({ name }) => name === process);
      if (spec === undefined) return () => {};
      let isOver = false;
      const watching = watchOne(spec, plan(), environment, (progress) => {
        if (!isOver) onProgress(progress);
      });
      return () => {
        isOver = true;
        void watching.then((end) => end());
      };
    },
  };
}

/** Never rejects: where the package is gone, a restart does without progress. */
async function watchOne(
  spec: ProcessSpec,
  plan: Plan,
  environment: Environment,
  onProgress: (progress: LoadProgress) => void,
): Promise<() => void> {
  const { name: process, logFile, kernelFolder } = spec;
  // What the process wrote before this start is not progress.
  const from = logTail(logFile, 0).end;
  try {
    const { cachedModel, createLoadWatcher } = await import('../run/load-watch.ts');
    const modelFolder =
      spec.kind === 'worker' && runsModel(plan)
        ? cachedModel(plan.model.path, { ...environment, ...spec.env })
        : undefined;
    const watcher = createLoadWatcher([{ process, logFile, from, modelFolder, kernelFolder }]);
    return watcher.watch(process, onProgress);
  } catch {
    return () => {};
  }
}
