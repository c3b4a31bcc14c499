/** Live figures for `ps --watch`, read in the background at each refresh: metrics of processes, and GPU memory. */
import type { Environment } from '../../base/environment.ts';
import { type Counters, frontendCounters, workerCounters } from '../../base/metrics-text.ts';
import { findEngine } from '../../engine/engines.ts';
import { computeApps } from '../../gpu/nvidia-smi.ts';
import type { LiveMeasures, ProcessView, RunView } from '../../view/run-table.ts';
import type { UsageSample } from './run-views.ts';

/** A process that takes longer is asked again at the next refresh. */
const answerWithinMs = 900;

interface Sample {
  readonly at: number;
  readonly counters: Counters;
  readonly tokensPerSecond?: number;
}

export interface Measures {
  /** The views with the figures known by now; asks for new ones without waiting for them. */
  add(views: readonly RunView[], usage: UsageSample): RunView[];
}

export function createMeasures(environment: Environment): Measures {
  const samples = new Map<string, Sample>();
  const asked = new Set<string>();
  /** By pid, in bytes; undefined without a GPU, or where the driver does not report it. */
  let gpuMemory: ReadonlyMap<number, number> = new Map();

  const once = (key: string, ask: () => Promise<void>): void => {
    if (asked.has(key)) return;
    asked.add(key);
    void ask().finally(() => asked.delete(key));
  };
  const askProcess = async (key: string, url: string, read: (text: string) => Counters): Promise<void> => {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(answerWithinMs) });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const counters = read(await response.text());
      samples.set(key, sampleAfter(samples.get(key), counters, performance.now()));
    } catch {
      // Show nothing rather than old figures.
      samples.delete(key);
    }
  };
  const askGpus = async (): Promise<void> => {
    const { apps } = await computeApps(environment);
    const used = new Map<number, number>();
    for (const { pid, usedMiB } of apps) {
      if (usedMiB !== undefined) used.set(pid, (used.get(pid) ?? 0) + usedMiB * 2 ** 20);
    }
    gpuMemory = used;
  };

  return {
    add: (views, usage) =>
      views.map((view) => ({
        ...view,
        processes: view.processes.map((each) => {
          const key = `${view.runId}/${each.name}`;
          const pids = usage.byRun.get(view.runId)?.get(each.name)?.pids ?? [];
          const source = metricsOf(view, each);
          // Another program may use the port of a dead process by now.
          if (pids.length === 0) samples.delete(key);
          else if (source !== undefined) {
            once(key, async () => await askProcess(key, source.url, source.read));
          }
          if (each.gpus.length > 0) once('GPUs', askGpus);
          return { ...each, live: liveOf(samples.get(key), memoryOn(gpuMemory, pids)) };
        }),
      })),
  };
}

function metricsOf(view: RunView, { ports }: ProcessView) {
  if (ports.http !== undefined) return { url: `${view.url}/metrics`, read: frontendCounters };
  if (ports.system === undefined) return undefined;
  const kvUsage = findEngine(view.engine)?.metrics.kvUsage;
  return {
    url: `http://127.0.0.1:${ports.system}/metrics`,
    read: (text: string) => workerCounters(text, kvUsage),
  };
}

/** A counter that fell belongs to a restarted process: no rate until the next refresh. */
function sampleAfter(before: Sample | undefined, counters: Counters, at: number): Sample {
  const [then, now] = [before?.counters.tokens, counters.tokens];
  // The counter is absent until the first token.
  const made = before === undefined || now === undefined ? undefined : now - (then ?? 0);
  if (before === undefined || made === undefined || made < 0) return { at, counters };
  return { at, counters, tokensPerSecond: (1000 * made) / Math.max(1, at - before.at) };
}

function memoryOn(byPid: ReadonlyMap<number, number>, pids: readonly number[]): number | undefined {
  const used = pids.flatMap((pid) => byPid.get(pid) ?? []);
  return used.length === 0 ? undefined : used.reduce((sum, bytes) => sum + bytes, 0);
}

function liveOf(sample: Sample | undefined, gpuMemoryBytes: number | undefined): LiveMeasures {
  const { requests, kvUsage } = sample?.counters ?? {};
  return { requests, kvUsage, tokensPerSecond: sample?.tokensPerSecond, gpuMemoryBytes };
}
