/** Watches the progress of processes that are not ready yet, in their logs and in the growing model cache. */
import { linesOf } from '../base/logs.ts';
import type { LoadProgress } from '../supervisor/progress.ts';
import { loadStep } from '../supervisor/log-steps.ts';
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
  /** In bytes since the log began; default: its end. */
  readonly from?: number;
  /** Folder of the model in the hub cache, if it may be downloaded there. */
  readonly modelFolder?: string | undefined;
  /** Where its compiled kernels are kept; `cpu` names the hardware below a version. */
  readonly kernelFolder?: string | undefined;
}

const cacheEveryMs = 1_000;

export function createLoadWatcher(loads: readonly WatchedLoad[]): LoadWatcher {
  return {
    watch: (process, onProgress) => {
      const load = loads.find((each) => each.process === process);
      if (load === undefined) return () => {};
      const endLog = watchLog(load, onProgress);
      const endCache = load.modelFolder === undefined ? undefined : watchCache(load.modelFolder, onProgress);
      const endKernels =
        load.kernelFolder === undefined ? undefined : watchKernels(load.kernelFolder, onProgress);
      return () => {
        endLog();
        endCache?.();
        endKernels?.();
      };
    },
  };
}

/** A progress bar that is redrawn with the same value is no progress. */
function watchLog(
  { process, logFile, from = logTail(logFile, 0).end }: WatchedLoad,
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
      onProgress({
        doing: 'downloading',
        phase: 'download',
        what: 'the model',
        doneBytes: bytes,
        bytesPerSecond,
      });
      before = bytes;
    }
    at = now;
  }, cacheEveryMs);
  return () => clearInterval(timer);
}

/**
 * Triton, Inductor and most others log nothing while they compile, but write what they have compiled. While they do, a bar of
 * captured graphs stands still.
 */
function watchKernels(folder: string, onProgress: (progress: LoadProgress) => void): () => void {
  const atFirst = kernelsIn(folder);
  const first = atFirst === 0 ? `, first time on this ${folder.endsWith('/cpu') ? 'CPU' : 'GPU'}` : '';
  let before = atFirst;
  const timer = setInterval(() => {
    const now = kernelsIn(folder);
    if (now > before)
      onProgress({ doing: 'loading', phase: 'compilation', what: `kernels${first}`, files: now - atFirst });
    before = now;
  }, kernelsEveryMs);
  return () => clearInterval(timer);
}

/** A large model has thousands of kernels, each in a folder. */
const kernelsEveryMs = 2_000;

/** What compilers write in the end. Logs, locks and empty folders come before, and with every start. */
const compiled = /\.(?:cubin|fatbin|ptx|so|o)$/;

function kernelsIn(folder: string): number {
  let count = 0;
  for (const entry of entriesOf(folder)) {
    if (entry.isDirectory()) count += kernelsIn(join(folder, entry.name));
    else if (compiled.test(entry.name)) count += 1;
  }
  return count;
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
