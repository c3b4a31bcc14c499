/** GPU memory after processes have ended: waits until it is free, and computes what no running process accounts for. */
import type { Clock } from '../base/clock.ts';
import type { Gpu } from '../plan/request.ts';
import type { ComputeApp } from './nvidia-smi.ts';

/** The memory that was freed, and what was not, in MiB per GPU UUID. */
interface Freed {
  readonly freedMiB: number;
  readonly missing: ReadonlyMap<string, number>;
}

/** Another process may allocate a little of it immediately. */
const slackMiB = 64;
const pauseMs = 100;

/**
 * The driver frees memory a moment after the process has ended: 0.15 to 0.3 s for 8.5 GiB on an H200. `before`: while the
 * processes were running; `heldMiB`: what they held of each GPU, by UUID. Compares with `before`, not with 0: an idle GPU does
 * not report 0.
 * Source: docs/upstream/memory-and-gpus.md#when-memory-comes-back.
 */
export async function untilFreed(
  before: readonly Gpu[],
  heldMiB: ReadonlyMap<string, number>,
  look: () => Promise<readonly Gpu[]>,
  { limitMs, clock }: { readonly limitMs: number; readonly clock: Clock },
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

/** Only of the GPUs that were held; what other processes allocate meanwhile is not counted. */
function freedOf(heldMiB: ReadonlyMap<string, number>, before: readonly Gpu[], now: readonly Gpu[]): number {
  return [...heldMiB.keys()].reduce((sum, uuid) => {
    const [was, is] = [usedOf(before, uuid), usedOf(now, uuid)];
    return sum + (was === undefined || is === undefined ? 0 : Math.max(0, was - is));
  }, 0);
}

function usedOf(gpus: readonly Gpu[], uuid: string): number | undefined {
  return gpus.find((gpu) => gpu.uuid === uuid)?.usedMiB;
}

export interface GpuSnapshot {
  readonly gpus: readonly Gpu[];
  /** Only of processes that were running at that moment. */
  readonly apps: readonly ComputeApp[];
}

/** The driver uses more than it lists per process (10 MiB each on an H200); enough for some processes. */
const listingSlackMiB = 256;

/**
 * GPU memory that no running process accounts for: includes what an ended process held, until the driver has freed it. In MiB
 * by UUID; GPUs without any are left out. `before`: from before any of the ended processes started.
 */
export function residues(
  uuids: readonly string[],
  before: GpuSnapshot,
  now: GpuSnapshot,
): ReadonlyMap<string, number> {
  return new Map(
    uuids.flatMap((uuid): [string, number][] => {
      const [was, is] = [unaccounted(uuid, before), unaccounted(uuid, now)];
      if (was === undefined || is === undefined) return [];
      return is - was > listingSlackMiB ? [[uuid, is - was]] : [];
    }),
  );
}

/** `undefined` if the GPU did not answer, or the driver does not report memory per process (WSL2). */
function unaccounted(uuid: string, { gpus, apps }: GpuSnapshot): number | undefined {
  const gpu = gpus.find((each) => each.uuid === uuid);
  if (gpu === undefined) return undefined;
  const listed = apps.filter(({ gpuUuid }) => gpuUuid === uuid);
  if (listed.some(({ usedMiB }) => usedMiB === undefined)) return undefined;
  return gpu.usedMiB - listed.reduce((sum, { usedMiB = 0 }) => sum + usedMiB, 0);
}
