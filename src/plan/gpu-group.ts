/** Workers that run on the same GPUs, and whether a GPU has room for them. */
import type { GpuDemand } from './gpu-demand.ts';
import type { Gpu } from './request.ts';
import type { WorkerEntry } from './seats.ts';

/** With the number of GPUs, and what the members need on each of them together. */
export interface GpuGroup {
  /** The worker that the others name with `shareGpuWith` comes first. */
  readonly members: readonly WorkerEntry[];
  readonly gpus: number;
  readonly demand: GpuDemand | undefined;
}

export interface GpuOffer {
  readonly gpus: readonly Gpu[];
  /** Of the model, where its files are on this host. */
  readonly weightsMiB?: number | undefined;
  /** What keeps other GPUs of this host out, for the refusal. */
  readonly limit?: string | undefined;
  /** Why there may be more than these. */
  readonly problem?: string | undefined;
}

/** `undefined` where the driver does not tell: then it is tried. */
export function freeOf({ freeMiB, totalMiB, usedMiB }: Gpu): number | undefined {
  return freeMiB ?? (totalMiB > 0 ? totalMiB - usedMiB : undefined);
}

/**
 * A worker on several GPUs takes none that is an instance of a divided one: a process sees a single instance, however many
 * it is given. Source: NVIDIA MIG user guide, "CUDA Visibility and Enumeration".
 */
export function mayBeOf(gpu: Gpu, { gpus }: Pick<GpuGroup, 'gpus'>): boolean {
  return gpus < 2 || gpu.migOf === undefined;
}

export function hasRoom(gpu: Gpu, { demand }: GpuGroup): boolean {
  return (freeOf(gpu) ?? Infinity) >= (demand?.mib ?? 0);
}
