/** Watches the progress of processes that are not ready yet, in their logs and in the growing model cache. */
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
  /** Folder of the model in the hub cache, if it may be downloaded there. */
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

/** A progress bar that is redrawn with the same value is no progress. */
function watchLog(
  { process, logFile }: WatchedLoad,
  onProgress: (progress: LoadProgress) => void,
): () => void {
  const furthest = new Map<string, number>();
  const read = (line: string): void => {
    const step = loadStep(line);
    if (step === undefined) return;
    // Bytes are shown rounded: 99 % and 100 % may look the same.
    const far = (step.doneBytes ?? 0) + (step.percent ?? 0);
    if (far <= (furthest.get(step.what) ?? -1)) return;
    furthest.set(step.what, far);
    onProgress(step);
  };
  // What the process wrote before its last start is not progress.
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

/** What SGLang 0.5 logs between progress bars, each once. Source: recordings on H200. */
const steps: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/Init torch distributed begin/, 'connecting GPUs'],
  [/Load weight begin/, 'weights'],
  [/Load weight end/, 'weights are loaded'],
  [/KV Cache is allocated/, 'KV cache'],
  [/[Cc]apture .*(?:CUDA|cuda) graph begin/, 'CUDA graphs'],
  [/[Cc]apture .*(?:CUDA|cuda) graph end/, 'CUDA graphs are captured'],
];

/** The progress in a line of a worker's log; `undefined` for most lines, including those of a stuck worker. */
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

/** The hub cache folder of a model; `undefined` for a local folder. Reads the same variables as huggingface_hub. */
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
 * Bytes of all its files, including incomplete ones with any name: `blobs/*.incomplete` of huggingface_hub, and
 * `snapshots/…/.modelexpress-…` of Dynamo's downloader, which logs nothing (seen with 1.4.2).
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
    return []; // It does not exist yet, or is gone.
  }
}

function sizeOf(path: string): number {
  try {
    return lstatSync(path).size;
  } catch {
    return 0;
  }
}
