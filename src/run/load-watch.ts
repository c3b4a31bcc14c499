/** Sees whether processes that are not ready yet get on: from their logs, and from the cache of models as it grows. */
import { linesOf } from '../base/logs.ts';
import type { LoadProgress } from '../supervisor/progress.ts';
import type { LoadWatcher } from '../supervisor/contracts.ts';
import { followLogs } from './log-follow.ts';
import { logTail } from './log-file.ts';
import type { Environment } from '../base/environment.ts';
import { lstatSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

interface WatchedLoad {
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

/** `label:  52%|█████▏    | 2.59G/4.98G [00:25<00:22, 105MB/s]`, and SGLang's `40% Completed | 2/5 [00:03<00:05, 1.7s/it]`. */
const bar =
  /^\s*(?<label>\S.*?):\s+(?<percent>\d{1,3})%(?:\|[^|]*\|| Completed \|)\s*(?<done>[\d.]+)(?<doneUnit>[kKMGT]?)i?B?\/(?<total>[\d.]+)(?<totalUnit>[kKMGT]?)i?B?\s*\[[^\],]*,\s*(?<speed>[^\]]*)\]/;

/** What SGLang 0.5 says between bars; each comes once. Source: recordings on H200. */
const steps: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/Init torch distributed begin/, 'connecting GPUs'],
  [/Load weight begin/, 'weights'],
  [/Load weight end/, 'weights are loaded'],
  [/KV Cache is allocated/, 'KV cache'],
  [/[Cc]apture .*(?:CUDA|cuda) graph begin/, 'CUDA graphs'],
  [/[Cc]apture .*(?:CUDA|cuda) graph end/, 'CUDA graphs are captured'],
];

/** `undefined` for a line that says nothing about it: most lines, also those of a worker that is stuck. */
export function loadStep(line: string): LoadProgress | undefined {
  const groups = bar.exec(line)?.groups;
  if (groups === undefined) {
    const step = steps.find(([pattern]) => pattern.test(line));
    return step === undefined ? undefined : { doing: 'loading', what: step[1] };
  }
  const { label = '', percent, done, doneUnit, total, totalUnit, speed = '' } = groups;
  const rate = /([\d.]+)([kKMGT]?)i?B\/s/.exec(speed);
  const what = label.replace(/\s*\(bs=.*$/, '').trim();
  const inBytes = rate !== null || doneUnit !== '' || totalUnit !== '';
  const doing = inBytes || /^(Fetching|Downloading)\b/.test(label) ? 'downloading' : 'loading';
  return {
    doing,
    what,
    percent: Number(percent),
    ...(inBytes ? { doneBytes: inUnits(done, doneUnit), totalBytes: inUnits(total, totalUnit) } : {}),
    ...(rate === null ? {} : { bytesPerSecond: inUnits(rate[1], rate[2]) }),
  };
}

/** tqdm counts in powers of 1000. */
function inUnits(amount = '0', unit = ''): number {
  return Math.round(Number(amount) * 1000 ** ['', 'K', 'M', 'G', 'T'].indexOf(unit.toUpperCase()));
}

/** The folder of one model; `undefined` when the model is a local folder. Variables as huggingface_hub reads them. */
export function cachedModel(model: string, environment: Environment): string | undefined {
  if (!/^[\w.-]+(\/[\w.-]+)?$/.test(model) || model.startsWith('.')) return undefined;
  return join(hubFolder(environment), `models--${model.replaceAll('/', '--')}`);
}

function hubFolder(environment: Environment): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HOME } = environment;
  const named = HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE;
  if (named) return named;
  return join(HF_HOME || join(XDG_CACHE_HOME || join(HOME || homedir(), '.cache'), 'huggingface'), 'hub');
}

/**
 * Bytes of all its files, unfinished ones too, under whatever name: `blobs/*.incomplete` of huggingface_hub, and
 * `snapshots/…/.modelexpress-…` of the downloader in Dynamo, which writes no line about it (seen with 1.4.2).
 */
export function bytesIn(folder: string): number {
  let sum = 0;
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) sum += bytesIn(path);
    else if (entry.isFile()) sum += sizeOf(path);
  }
  return sum;
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return []; // not there yet, or gone meanwhile
  }
}

function sizeOf(path: string): number {
  try {
    return lstatSync(path).size;
  } catch {
    return 0;
  }
}
