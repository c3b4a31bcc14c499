/** How much GPU memory workers need, and which GPUs they may use: `--gpus` within CUDA_VISIBLE_DEVICES within all. */
import { DynamoError } from '../base/error.ts';
import { gibText } from '../base/units.ts';
import type { WorkerSpec } from '../profile/profile.ts';
import type { Gpu } from './request.ts';
import type { WorkerEntry } from './replicas.ts';

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
    const because = `${gibText(weightsMiB)} of weights${gpus > 1 ? ` on ${gpus} GPUs` : ''}, plus 2 GiB`;
    return { mib: Math.ceil(weightsMiB / gpus) + besideWeightsMiB, because };
  }
  if (spec.gpuMemoryGiB === undefined) return undefined;
  return { mib: Math.ceil((spec.gpuMemoryGiB * 1024) / gpus), because: 'the hint in the profile' };
}

/** Workers that run on the same GPUs: how many, and what they need together on each. */
export interface GpuGroup {
  /** Starts with the worker that the others name in `shareGpuWith`. */
  readonly members: readonly WorkerEntry[];
  readonly gpus: number;
  readonly demand: GpuDemand | undefined;
}

export interface GpuOffer {
  readonly gpus: readonly Gpu[];
  /** Size of the model's weights, if its files are on this host. */
  readonly weightsMiB?: number | undefined;
  /** What excludes other GPUs of this host, for the error message. */
  readonly limit?: string | undefined;
  /** Why this host may have more GPUs than these. */
  readonly problem?: string | undefined;
}

/** `undefined` if the driver does not report it: then the GPU is tried. */
export function freeOf({ freeMiB, totalMiB, usedMiB }: Gpu): number | undefined {
  return freeMiB ?? (totalMiB > 0 ? totalMiB - usedMiB : undefined);
}

/**
 * A worker that needs several GPUs cannot use MIG instances: a process sees only one, however many are visible to it.
 * Source: NVIDIA MIG user guide, "CUDA Visibility and Enumeration".
 */
export function mayBeOf(gpu: Gpu, { gpus }: Pick<GpuGroup, 'gpus'>): boolean {
  return gpus < 2 || gpu.migOf === undefined;
}

export function hasRoom(gpu: Gpu, { demand }: GpuGroup): boolean {
  return (freeOf(gpu) ?? Infinity) >= (demand?.mib ?? 0);
}

/** The name of a GPU in CUDA_VISIBLE_DEVICES: its index, or the UUID of a MIG instance, which has no index. */
export function deviceName({ index, uuid, migOf }: Gpu): string {
  return migOf === undefined ? String(index) : uuid;
}

/** Throws `environment` for a name that matches no GPU, or several. Indices are those of nvidia-smi. */
export function allowedGpus(
  gpus: readonly Gpu[],
  asked: readonly string[] | undefined,
  visibleDevices: string | undefined,
): readonly Gpu[] {
  const visible =
    visibleDevices === undefined ? gpus : select(gpus, visibleNames(visibleDevices), 'CUDA_VISIBLE_DEVICES');
  return asked === undefined ? visible : select(visible, asked, '--gpus');
}

/** What restricts the GPUs, for messages; `undefined` if nothing does. */
export function limitText(
  asked: readonly string[] | undefined,
  visibleDevices: string | undefined,
): string | undefined {
  if (asked !== undefined) return `--gpus ${asked.join(',')}`;
  return visibleDevices === undefined ? undefined : `CUDA_VISIBLE_DEVICES=${JSON.stringify(visibleDevices)}`;
}

/** CUDA stops at the first invalid name; people use only -1 and NoDevFiles on purpose. */
function visibleNames(text: string): string[] {
  const names = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const end = names.findIndex((name) => name === '-1' || name === 'NoDevFiles');
  return end < 0 ? names : names.slice(0, end);
}

function select(gpus: readonly Gpu[], names: readonly string[], source: string): Gpu[] {
  // A GPU that is named twice is used once.
  return [...new Set(names.map((name) => find(gpus, name, source)))];
}

function find(gpus: readonly Gpu[], name: string, source: string): Gpu {
  const exact = gpus.find((gpu) => deviceName(gpu) === name || gpu.uuid === name);
  if (exact !== undefined) return exact;
  // CUDA accepts the start of a UUID if only one GPU matches. UUIDs on Jetson have no prefix; digits alone are an index.
  const matching = /^(GPU|MIG)-.|^(?!(GPU|MIG)-?$)(?=.*\D)[\da-f-]+$/i.test(name)
    ? gpus.filter(({ uuid }) => uuid.startsWith(name))
    : [];
  const [first] = matching;
  if (first !== undefined && matching.length === 1) return first;
  const known = gpus.map((gpu) => `${gpu.index} (${gpu.uuid})`).join(', ') || 'none';
  const fault =
    matching.length > 1
      ? `${JSON.stringify(name)} matches the start of ${matching.length} UUIDs`
      : gpus.some((gpu) => String(gpu.index) === name)
        ? `GPU ${name} is partitioned (MIG): name its instances by UUID`
        : `this host has no GPU ${JSON.stringify(name)}`;
  throw new DynamoError('environment', `${source}: ${fault}.`, {
    hint: `available GPUs: ${known}`,
    fields: { asked: name, choices: gpus.map(deviceName) },
  });
}
