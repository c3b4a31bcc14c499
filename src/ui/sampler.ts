/** Asks the processes of a live run for their figures: often while somebody looks, rarely otherwise; and keeps the past. */
import { systemClock } from '../base/clock.ts';
import type { Environment } from '../base/environment.ts';
import { trackerOf } from '../deployment/reap-run.ts';
import { scrape, scrapeGpus, scrapeTargets } from '../deployment/scrape.ts';
import { figures } from '../metrics/figures.ts';
import { type GpuUse, type Round, withRound } from '../metrics/window.ts';
import type { Message, Sample } from '../page/messages.ts';
import type { Plan } from '../plan/plan.ts';
import { isAlive, ownIdentity } from '../process/identity.ts';
import { usageByProcess } from '../process/usage.ts';
import { claim, unclaim } from '../run/claim.ts';
import { readPlan, readRecordIn, type StoredRun } from '../run/record.ts';
import { sampleOf } from './sample.ts';
import { appendSample, readSamples, sampleFile, workersIn } from './sample-file.ts';
import { usageReader } from './usage.ts';

export interface Sampler {
  /** Hears each new sample; returns a function that ends this. */
  listen(hear: (message: Message) => void): () => void;
  /** All samples so far, oldest first. */
  past(): readonly Sample[];
  /** Names of processes by the id under which they serve, of all that were seen. */
  workers(): Readonly<Record<string, string>>;
  end(): void;
}

const watchedMs = 1_000;
const unwatchedMs = 5_000;
const keptEveryMs = 5_000;
/** nvidia-smi takes a second of a busy host. */
const gpusEveryMs = 5_000;
/** In memory, at full resolution: what a page shows at first. */
const recentMs = 15 * 60_000;
/** So short that a chart shows when something began. */
const chartWindowMs = 10_000;

export interface SampledRun {
  readonly run: StoredRun;
  readonly plan: Plan;
  readonly environment: Environment;
}

export function openSampler({ run, plan, environment }: SampledRun): Sampler {
  const { runId } = run.record;
  const file = sampleFile(run.files);
  const lock = `${file}.writer`;
  const mine = { runId, holder: ownIdentity() };
  const listeners = new Set<(message: Message) => void>();
  const ended = new AbortController();
  let wake = new AbortController();
  let targets = scrapeTargets(plan);
  const usageOf = usageReader();
  let recent: Sample[] = [];
  let rounds: readonly Round[] = [];
  let gpus: ReadonlyMap<string, GpuUse> = new Map();
  let workers: Readonly<Record<string, string>> = workersIn(readSamples(file));
  let [keptAt, gpusAt] = [0, -Infinity];
  let keptWorkers = 0;

  const keep = (sample: Sample): void => {
    recent = [...recent.filter(({ at }) => at > sample.at - recentMs), sample];
    if (sample.at - keptAt < keptEveryMs) return;
    keptAt = sample.at;
    try {
      // Of several page servers, one writes.
      const rival = claim(lock, mine, isAlive);
      if (rival === undefined || (rival.kind === 'held' && rival.claim.holder.pid === process.pid))
        appendSample(file, Object.keys(workers).length === keptWorkers ? sample : { ...sample, workers });
      keptWorkers = Object.keys(workers).length;
    } catch {
      // The run folder is gone, or the disk is full: the page shows what is in memory.
    }
  };
  const look = async (): Promise<void> => {
    const usage = usageByProcess(await trackerOf(run).scan());
    const pids = new Map([...usage].map(([name, each]) => [name, each.pids]));
    // Workers may have joined or left the run.
    targets = scrapeTargets(readPlan(run.files) ?? plan);
    const alive = targets.filter(({ name }) => pids.has(name));
    if (performance.now() - gpusAt > gpusEveryMs) {
      gpusAt = performance.now();
      gpus = await scrapeGpus(environment, alive, pids);
    }
    const round = { ...(await scrape(alive, { signal: ended.signal })), gpus };
    if (ended.signal.aborted) return;
    rounds = withRound(rounds, round);
    const at = Date.now();
    const used = usageOf(usage);
    const sample = sampleOf(at, figures(rounds, targets, chartWindowMs), used);
    const all = figures(rounds, targets);
    const ids = all.processes.flatMap((each) =>
      each.kind === 'worker' && each.workerId !== undefined ? [[each.workerId, each.name] as const] : [],
    );
    workers = { ...workers, ...Object.fromEntries(ids) };
    keep(sample);
    const message: Message = { type: 'figures', at, figures: all, usage: used, sample };
    for (const hear of listeners) hear(message);
  };
  const loop = async (): Promise<void> => {
    while (!ended.signal.aborted && readRecordIn(run.files.folder)?.endedAt === undefined) {
      // A failed look is repeated.
      await look().catch(() => {});
      wake = new AbortController();
      const pauseMs = listeners.size > 0 ? watchedMs : unwatchedMs;
      await systemClock.sleep(pauseMs, AbortSignal.any([ended.signal, wake.signal])).catch(() => {});
    }
  };
  void loop();
  return {
    listen: (hear) => {
      listeners.add(hear);
      wake.abort();
      return () => void listeners.delete(hear);
    },
    past: () => {
      const first = recent[0]?.at ?? Infinity;
      return [...readSamples(file).filter(({ at }) => at < first), ...recent];
    },
    workers: () => workers,
    end: () => {
      ended.abort();
      unclaim(lock, mine, isAlive);
    },
  };
}
