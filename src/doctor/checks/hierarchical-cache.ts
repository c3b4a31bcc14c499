/** What SGLang's hierarchical cache needs of the host: memory for its second level, and pages of a useful size. */
import { deviceName } from '../../plan/gpu-demand.ts';
import type { ProcessSpec } from '../../plan/plan.ts';
import type { WorkerSpec } from '../../profile/profile.ts';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { HostView, Subject } from '../host-view.ts';
import { engineUses } from '../planned.ts';
import { countText, memoryText } from '../../base/units.ts';

/** SGLang 0.5.16 leaves this much to the rest of the host, and ends at its start if the cache does not fit beside it. */
const reserveBytes = 10 * 2 ** 30;
/** SGLang's default. */
const defaultRatio = 2;
/** Of the GPU's memory: more than SGLang ever gives to weights and KV cache together. */
const mostOfGpu = 0.9;
/** Every page is copied, or stored in a file, by itself; SGLang's own examples use 64. */
const smallestPage = 16;

interface CachedWorker {
  readonly process: ProcessSpec;
  readonly spec: WorkerSpec & { readonly hierarchicalCache: NonNullable<WorkerSpec['hierarchicalCache']> };
}

/** D36: host memory and page size for hierarchical caches. */
export const hierarchicalCache: Check = {
  id: 'D36',
  name: 'hierarchical-cache',
  title: 'the host has the memory that hierarchical caches need',
  severity: 'fail',
  look: async (host) => {
    const { subject } = host;
    if (subject?.plan === undefined) return skip('no plan is given: dynamo doctor PROFILE');
    if (!engineUses(subject.plan, 'gpus'))
      return skip(`engine ${subject.plan.engine} has no hierarchical cache`);
    const workers = cachedWorkers(subject);
    if (workers.length === 0) return skip('no worker has hierarchicalCache');
    const available = await availableBytes(host);
    if (available === undefined) return skip('/proc/meminfo does not say how much memory is available');
    const small = workers.find(({ spec }) => (spec.pageSize ?? 1) < smallestPage);
    const memory = await judge(host, workers, available);
    if (memory.status === 'fail' || small === undefined) return memory;
    const { process, spec } = small;
    return warn(
      `${process.name} has pages of ${countText(spec.pageSize ?? 1, 'token')}, each of which is copied by itself; ${memory.evidence}`,
      `--set components.${process.component}.pageSize=64`,
    );
  },
};

function cachedWorkers({ plan, profile }: Subject): CachedWorker[] {
  return (plan?.processes ?? []).flatMap((process): CachedWorker[] => {
    const spec = profile.components[process.component];
    if (spec?.kind !== 'worker' || spec.hierarchicalCache === undefined) return [];
    return [{ process, spec: { ...spec, hierarchicalCache: spec.hierarchicalCache } }];
  });
}

async function availableBytes(host: HostView): Promise<number | undefined> {
  const found = /^MemAvailable:\s+(\d+) kB$/m.exec((await host.files.read('/proc/meminfo')) ?? '');
  return found === null ? undefined : Number(found[1]) * 1024;
}

async function judge(host: HostView, workers: readonly CachedWorker[], available: number): Promise<Finding> {
  const free = `${memoryText(available)} of memory is available, of which SGLang leaves ${memoryText(reserveBytes)} alone`;
  const [sized, byRatio] = [
    workers.filter(({ spec }) => spec.hierarchicalCache.sizeGB !== undefined),
    workers.filter(({ spec }) => spec.hierarchicalCache.sizeGB === undefined),
  ];
  const needed = sized.reduce((sum, { process, spec }) => {
    return sum + (spec.hierarchicalCache.sizeGB ?? 0) * 1e9 * ranksOf(process, spec);
  }, 0);
  const [first] = workers;
  const component = first?.process.component ?? 'worker';
  if (needed > available - reserveBytes) {
    return fail(
      `hierarchical caches of ${memoryText(needed)} do not fit: ${free}`,
      `--set components.${component}.hierarchicalCache.sizeGB=N   # a smaller one; the size counts for each GPU`,
    );
  }
  const { gpus } = await host.gpus();
  const most = byRatio.reduce((sum, { process, spec }) => {
    const mine = gpus.filter(
      (gpu) => process.gpus.includes(deviceName(gpu)) || process.gpus.includes(gpu.uuid),
    );
    const onGpus = mine.reduce((total, { totalMiB }) => total + totalMiB * 2 ** 20, 0);
    const share = spec.memory.staticFraction ?? mostOfGpu;
    return sum + onGpus * share * (spec.hierarchicalCache.ratio ?? defaultRatio);
  }, 0);
  if (needed + most > available - reserveBytes) {
    return warn(
      `hierarchical caches may take up to ${memoryText(needed + most)}, in proportion to the cache on the GPU: ${free}`,
      `--set components.${component}.hierarchicalCache.sizeGB=N   # limits it, for each GPU`,
    );
  }
  const size = most === 0 ? memoryText(needed) : `at most ${memoryText(needed + most)}`;
  return ok(`${size} for ${countText(workers.length, 'worker')}: ${free}`);
}

/** Each rank of a worker has a cache of its own; those on other hosts do not count here. */
function ranksOf({ gpus }: ProcessSpec, { tensorParallel = 1 }: WorkerSpec): number {
  return Math.max(1, gpus.length || tensorParallel);
}
