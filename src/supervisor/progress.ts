/** The progress of a process until it is ready: how much is done, and how often to report it. */
import { countText, diskText } from '../base/units.ts';
import type { Clock } from '../base/clock.ts';
import { isPhase, phases, type StartPhase } from './start-phases.ts';

export interface LoadProgress {
  readonly doing: 'downloading' | 'loading';
  /** Absent in events of older versions. */
  readonly phase?: StartPhase;
  /** A file, or a step in the words of the log. */
  readonly what: string;
  /** From 0 to 100. */
  readonly percent?: number;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
  readonly bytesPerSecond?: number;
  /** Written so far. */
  readonly files?: number;
}

/** `model-00001.safetensors 52% (2.6 of 5.0 GB, 105 MB/s)`. */
export function progressText(progress: LoadProgress): string {
  const { what, percent, doneBytes, totalBytes, bytesPerSecond, files } = progress;
  const amount =
    doneBytes === undefined
      ? undefined
      : totalBytes === undefined
        ? diskText(doneBytes)
        : `${diskText(doneBytes)} of ${diskText(totalBytes)}`;
  const speed = bytesPerSecond === undefined ? undefined : `${diskText(bytesPerSecond)}/s`;
  const written = files === undefined ? undefined : countText(files, 'file');
  const facts = [amount, speed, written].filter((fact) => fact !== undefined);
  return [
    what,
    ...(percent === undefined ? [] : [`${Math.floor(percent)}%`]),
    ...(facts.length === 0 ? [] : [`(${facts.join(', ')})`]),
  ].join(' ');
}

/** `downloading: model.safetensors 52% (…)`, `loading weights: Loading safetensors checkpoint shards 40%`, `registering`. */
export function doingText(progress: LoadProgress): string {
  const { doing, phase, what, percent } = progress;
  // An event may come from a newer version.
  if (phase === undefined || !isPhase(phase)) return `${doing}: ${progressText(progress)}`;
  const own = phases[phase];
  return percent === undefined && what === own.word ? own.doing : `${own.doing}: ${progressText(progress)}`;
}

/** The last progress of a process, and how long ago it was. */
export interface LastProgress {
  readonly progress: LoadProgress;
  readonly agoMs: number;
}

/** Progress bars move ten times a second; they are reported this often. */
const reportEveryMs = 2_000;

export interface LoadTally {
  /** True when this progress should be reported. */
  note(process: string, progress: LoadProgress): boolean;
  last(process: string | undefined): LastProgress | undefined;
}

export function loadTally(clock: Clock): LoadTally {
  const noted = new Map<string, { progress: LoadProgress; at: number; reportedAt: number }>();
  return {
    note: (process, progress) => {
      const [now, before] = [clock.now(), noted.get(process)];
      const isDue =
        before === undefined ||
        before.progress.doing !== progress.doing ||
        before.progress.phase !== progress.phase ||
        now - before.reportedAt >= reportEveryMs;
      noted.set(process, { progress, at: now, reportedAt: isDue ? now : before.reportedAt });
      return isDue;
    },
    last: (process) => {
      const last = process === undefined ? undefined : noted.get(process);
      return last === undefined ? undefined : { progress: last.progress, agoMs: clock.now() - last.at };
    },
  };
}
