/** How much GPU memory a worker needs at the least to start, on each of its GPUs. */
import type { WorkerSpec } from '../profile/profile.ts';

export interface GpuDemand {
  readonly mib: number;
  readonly because: string;
}

/**
 * CUDA context (0.7 GiB), captured graphs and the smallest useful KV cache.
 * Source: docs/upstream/memory-and-gpus.md#idle-gpus.
 */
const besideWeightsMiB = 2_048;

/**
 * From the weights of the model where their files are on this host, else from the profile's hint.
 * An encode worker loads a part of the model only. `undefined` when nothing is known.
 */
export function gpuDemand(spec: WorkerSpec, weightsMiB: number | undefined): GpuDemand | undefined {
  const gpus = Math.max(1, spec.gpus);
  if (weightsMiB !== undefined && spec.mode !== 'encode') {
    const because = `${gib(weightsMiB)} of weights${gpus > 1 ? ` on ${gpus} GPUs` : ''}, and 2 GiB beside them`;
    return { mib: Math.ceil(weightsMiB / gpus) + besideWeightsMiB, because };
  }
  if (spec.gpuMemoryGiB === undefined) return undefined;
  return { mib: Math.ceil((spec.gpuMemoryGiB * 1024) / gpus), because: "the profile's hint" };
}

export function gib(mib: number): string {
  return `${(mib / 1024).toFixed(1)} GiB`;
}
