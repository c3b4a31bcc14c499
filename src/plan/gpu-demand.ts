/** What workers need of GPUs, and which GPUs they may use: `--gpus` within CUDA_VISIBLE_DEVICES within all. Never widened. */
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
    const because = `${gibText(weightsMiB)} of weights${gpus > 1 ? ` on ${gpus} GPUs` : ''}, and 2 GiB beside them`;
    return { mib: Math.ceil(weightsMiB / gpus) + besideWeightsMiB, because };
  }
  if (spec.gpuMemoryGiB === undefined) return undefined;
  return { mib: Math.ceil((spec.gpuMemoryGiB * 1024) / gpus), because: "the profile's hint" };
}

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

/** What CUDA_VISIBLE_DEVICES calls a GPU: its index, or the UUID of a MIG instance, which has no index. */
export function deviceName({ index, uuid, migOf }: Gpu): string {
  return migOf === undefined ? String(index) : uuid;
}

/** Throws `environment` for a name that no GPU has, or several have. Indices count as nvidia-smi does. */
export function allowedGpus(
  gpus: readonly Gpu[],
  asked: readonly string[] | undefined,
  visibleDevices: string | undefined,
): readonly Gpu[] {
  const visible =
    visibleDevices === undefined ? gpus : select(gpus, visibleNames(visibleDevices), 'CUDA_VISIBLE_DEVICES');
  return asked === undefined ? visible : select(visible, asked, '--gpus');
}

/** What limits the choice, for messages; `undefined` when nothing does. */
export function limitText(
  asked: readonly string[] | undefined,
  visibleDevices: string | undefined,
): string | undefined {
  if (asked !== undefined) return `--gpus ${asked.join(',')}`;
  return visibleDevices === undefined ? undefined : `CUDA_VISIBLE_DEVICES=${JSON.stringify(visibleDevices)}`;
}

/** CUDA stops at the first name that is none; only -1 and NoDevFiles are written on purpose. */
function visibleNames(text: string): string[] {
  const names = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const end = names.findIndex((name) => name === '-1' || name === 'NoDevFiles');
  return end < 0 ? names : names.slice(0, end);
}

function select(gpus: readonly Gpu[], names: readonly string[], source: string): Gpu[] {
  // Named twice is still one GPU.
  return [...new Set(names.map((name) => find(gpus, name, source)))];
}

function find(gpus: readonly Gpu[], name: string, source: string): Gpu {
  const exact = gpus.find((gpu) => deviceName(gpu) === name || gpu.uuid === name);
  if (exact !== undefined) return exact;
  // CUDA takes the beginning of a UUID as long as it is one GPU's. Those of Jetson begin with anything; digits are an index.
  const begun = /^(GPU|MIG)-.|^(?!(GPU|MIG)-?$)(?=.*\D)[\da-f-]+$/i.test(name)
    ? gpus.filter(({ uuid }) => uuid.startsWith(name))
    : [];
  const [first] = begun;
  if (first !== undefined && begun.length === 1) return first;
  const known = gpus.map((gpu) => `${gpu.index} (${gpu.uuid})`).join(', ') || 'none';
  const fault =
    begun.length > 1
      ? `${JSON.stringify(name)} is the beginning of ${begun.length} UUIDs`
      : gpus.some((gpu) => String(gpu.index) === name)
        ? `GPU ${name} is divided (MIG): its instances are named by UUID`
        : `there is no GPU ${JSON.stringify(name)} here`;
  throw new DynamoError('environment', `${source}: ${fault}.`, { hint: `GPUs that can be named: ${known}` });
}
