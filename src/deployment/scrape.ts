/** Asks all processes of a run for their `/metrics` at once, with one deadline, and the GPUs what they use. */
import type { Environment } from '../base/environment.ts';
import { computeApps } from '../gpu/nvidia-smi.ts';
import { gpuUse } from '../gpu/use.ts';
import type { MeasuredProcess } from '../metrics/figures.ts';
import type { GpuUse, Round } from '../metrics/window.ts';
import { type Reading, readFrontend, readWorker } from '../metrics/reading.ts';
import { isServing, type Plan, runsModel } from '../plan/plan.ts';
import { statusUrl } from '../plan/ports.ts';
import { exchange } from '../probe/http.ts';
import { monotonicMs } from '../run/protocol.ts';

/** A process that has a page of metrics. */
export interface ScrapeTarget extends MeasuredProcess {
  readonly url: string;
  /** Values of CUDA_VISIBLE_DEVICES. */
  readonly gpus: readonly string[];
}

/** Those of a plan, in its order; etcd and NATS have none that we read. */
export function scrapeTargets(plan: Plan): ScrapeTarget[] {
  return plan.processes.flatMap((spec): ScrapeTarget[] => {
    const { name, kind, component, mode, ports, gpus } = spec;
    const url =
      kind === 'frontend' && isServing(plan)
        ? plan.http.url
        : kind === 'worker' && ports.system !== undefined
          ? statusUrl(runsModel(plan) ? plan : {}, ports.system)
          : undefined;
    return url === undefined ? [] : [{ name, kind, component, mode, url: `${url}/metrics`, gpus }];
  });
}

/** A page of 1.6.1 has 120 kB, and a frontend writes it in 2 ms. */
export const scrapeWithinMs = 900;

/**
 * Never rejects: a process that does not answer in time is absent. `targets`: those that are alive, since another program
 * may use the port of a dead process by now.
 */
export async function scrape(
  targets: readonly ScrapeTarget[],
  { withinMs = scrapeWithinMs, signal }: { readonly withinMs?: number; readonly signal?: AbortSignal } = {},
): Promise<Round> {
  const at = monotonicMs();
  const asked = targets.map(async ({ name, kind, url }): Promise<[string, Reading] | undefined> => {
    try {
      const { status, body } = await exchange(url, {
        timeoutMs: withinMs,
        ...(signal === undefined ? {} : { signal }),
      });
      if (status !== 200) return undefined;
      return [name, kind === 'frontend' ? readFrontend(body) : readWorker(body)];
    } catch {
      return undefined;
    }
  });
  const readings = (await Promise.all(asked)).filter((each) => each !== undefined);
  return { at, readings: new Map(readings) };
}

/**
 * What the GPUs are used for, by process; empty without a GPU. Never rejects, and takes as long as nvidia-smi does. `pids`:
 * of each process, with its children.
 */
export async function scrapeGpus(
  environment: Environment,
  targets: readonly ScrapeTarget[],
  pids: ReadonlyMap<string, readonly number[]>,
): Promise<ReadonlyMap<string, GpuUse>> {
  const users = targets.filter(({ gpus }) => gpus.length > 0);
  if (users.length === 0) return new Map();
  const [{ apps }, busy] = await Promise.all([computeApps(environment), gpuUse(environment)]);
  return new Map(
    users.map(({ name, gpus }): [string, GpuUse] => {
      const own = apps.filter(({ pid }) => pids.get(name)?.includes(pid) === true);
      const used = own.flatMap(({ usedMiB }) => usedMiB ?? []);
      // Inside a container nvidia-smi knows no pids of ours: then the GPUs of the plan.
      const on = own.length > 0 ? own.map(({ gpuUuid }) => gpuUuid) : gpus;
      const shares = busy.flatMap(({ uuid, index, usePercent }) =>
        usePercent !== undefined && (on.includes(uuid) || on.includes(index)) ? [usePercent] : [],
      );
      return [
        name,
        {
          ...(used.length === 0
            ? {}
            : { memoryBytes: used.reduce((sum, mebibytes) => sum + mebibytes, 0) * 2 ** 20 }),
          ...(shares.length === 0 ? {} : { usePercent: Math.max(...shares) }),
        },
      ];
    }),
  );
}
