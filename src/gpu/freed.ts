/** Waits until GPU memory that ended processes held is seen free: the driver gives it back a moment later. */
import type { Clock } from '../base/clock.ts';
import type { Gpu } from '../plan/request.ts';
import type { ComputeApp } from './nvidia-smi.ts';

/** What came back, and what did not, in MiB by the UUID of the GPU. */
interface Freed {
  readonly freedMiB: number;
  readonly missing: ReadonlyMap<string, number>;
}

/** Another process may take a little of it at once. */
const slackMiB = 64;
const pauseMs = 100;

/**
 * `before`: as it was while the processes lived; `heldMiB`: what they held of each GPU, by UUID. Compared is with
 * `before`, not with 0: an idle GPU does not read 0. Measured on an H200: 0.15 to 0.3 s for 8.5 GiB.
 * Source: docs/upstream/memory-and-gpus.md#when-memory-comes-back.
 */
export async function untilFreed(
  before: readonly Gpu[],
  heldMiB: ReadonlyMap<string, number>,
  look: () => Promise<readonly Gpu[]>,
  limitMs: number,
  clock: Clock,
): Promise<Freed> {
  const deadline = clock.now() + limitMs;
  for (;;) {
    const now = await look();
    const missing = new Map([...heldMiB].flatMap(([uuid, held]) => missingOf(uuid, held, before, now)));
    if (missing.size === 0 || clock.now() >= deadline)
      return { freedMiB: freedOf(heldMiB, before, now), missing };
    await clock.sleep(pauseMs);
  }
}

function missingOf(
  uuid: string,
  held: number,
  before: readonly Gpu[],
  now: readonly Gpu[],
): [string, number][] {
  const [was, is] = [usedOf(before, uuid), usedOf(now, uuid)];
  // nvidia-smi did not answer this time.
  if (is === undefined) return [[uuid, held]];
  const still = is - ((was ?? 0) - held);
  return still > slackMiB ? [[uuid, still]] : [];
}

/** Of the GPUs that were held only; what others take meanwhile is no part of it. */
function freedOf(heldMiB: ReadonlyMap<string, number>, before: readonly Gpu[], now: readonly Gpu[]): number {
  return [...heldMiB.keys()].reduce((sum, uuid) => {
    const [was, is] = [usedOf(before, uuid), usedOf(now, uuid)];
    return sum + (was === undefined || is === undefined ? 0 : Math.max(0, was - is));
  }, 0);
}

function usedOf(gpus: readonly Gpu[], uuid: string): number | undefined {
  return gpus.find((gpu) => gpu.uuid === uuid)?.usedMiB;
}

export interface GpuLook {
  readonly gpus: readonly Gpu[];
  /** Of processes that lived at that moment. */
  readonly apps: readonly ComputeApp[];
}

/** What the driver adds to what it lists for a process (10 MiB each on an H200), for some processes. */
const listingSlackMiB = 256;

/** In MiB by UUID; GPUs without are left out. `before`: a look from before any of those that have ended began. */
export function residues(
  uuids: readonly string[],
  before: GpuLook,
  now: GpuLook,
): ReadonlyMap<string, number> {
  return new Map(
    uuids.flatMap((uuid): [string, number][] => {
      const [was, is] = [unaccounted(uuid, before), unaccounted(uuid, now)];
      if (was === undefined || is === undefined) return [];
      return is - was > listingSlackMiB ? [[uuid, is - was]] : [];
    }),
  );
}

/** `undefined` for a GPU that did not answer, or whose processes' memory the driver does not tell (WSL2). */
function unaccounted(uuid: string, { gpus, apps }: GpuLook): number | undefined {
  const gpu = gpus.find((each) => each.uuid === uuid);
  if (gpu === undefined) return undefined;
  const listed = apps.filter(({ gpuUuid }) => gpuUuid === uuid);
  if (listed.some(({ usedMiB }) => usedMiB === undefined)) return undefined;
  return gpu.usedMiB - listed.reduce((sum, { usedMiB = 0 }) => sum + usedMiB, 0);
}
