/** Keeps how far each process has got on its way to ready, and says when others should hear of it. */
import type { Clock } from '../base/clock.ts';
import type { LastProgress } from './failure.ts';
import type { LoadProgress } from './load.ts';

/** Progress bars move ten times a second; so often others are told. */
const tellEveryMs = 2_000;

export interface LoadTally {
  /** True when others should be told. */
  note(process: string, progress: LoadProgress): boolean;
  last(process: string | undefined): LastProgress | undefined;
}

export function loadTally(clock: Clock): LoadTally {
  const noted = new Map<string, { progress: LoadProgress; at: number; toldAt: number }>();
  return {
    note: (process, progress) => {
      const [now, before] = [clock.now(), noted.get(process)];
      const tell =
        before === undefined ||
        before.progress.doing !== progress.doing ||
        now - before.toldAt >= tellEveryMs;
      noted.set(process, { progress, at: now, toldAt: tell ? now : before.toldAt });
      return tell;
    },
    last: (process) => {
      const last = process === undefined ? undefined : noted.get(process);
      return last === undefined ? undefined : { progress: last.progress, agoMs: clock.now() - last.at };
    },
  };
}
