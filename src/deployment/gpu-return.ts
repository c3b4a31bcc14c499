/** Sees GPU memory come back after processes were ended, and says how much. */
import type { Environment } from '../base/environment.ts';
import { systemClock } from '../base/clock.ts';
import { computeApps } from '../gpu/nvidia-smi.ts';
import { untilFreed } from '../gpu/freed.ts';
import { gibText, type HeldMemory } from '../gpu/holders.ts';
import { type GpuDetails, inventory } from '../gpu/inventory.ts';
import { factsOf } from '../process/facts.ts';

/** Measured are 0.3 s; a driver that needs longer than this has a problem. */
const limitMs = 30_000;

export interface GpuReturn {
  readonly freedMiB: number;
  /** What did not come back in time, in words. */
  readonly missing: readonly string[];
}

export interface GpuWatch {
  /** To be asked when they are gone; answers at once when they held nothing. */
  returned(): Promise<GpuReturn>;
}

/**
 * To be called before the processes are ended: what is free is compared with how it was. `containers`: the first twelve
 * characters of their ids. Never throws.
 */
export async function watchGpuMemory(
  pids: ReadonlySet<number>,
  containers: ReadonlySet<string>,
  environment: Environment,
): Promise<GpuWatch> {
  const [{ gpus }, { apps }] = await Promise.all([inventory(environment), computeApps(environment)]);
  return watchHeld(
    gpus,
    apps.filter(({ pid }) => pids.has(pid) || containers.has(factsOf(pid)?.container?.id ?? '')),
    environment,
  );
}

/** The same, where both have been looked at already. */
export function watchHeld(
  before: readonly GpuDetails[],
  held: readonly HeldMemory[],
  environment: Environment,
): GpuWatch {
  const look = async (): Promise<readonly GpuDetails[]> => (await inventory(environment)).gpus;
  const heldMiB = new Map<string, number>();
  for (const { gpuUuid, usedMiB = 0 } of held) heldMiB.set(gpuUuid, (heldMiB.get(gpuUuid) ?? 0) + usedMiB);
  return {
    returned: async () => {
      if (heldMiB.size === 0) return { freedMiB: 0, missing: [] };
      const { freedMiB, missing } = await untilFreed(before, heldMiB, look, limitMs, systemClock);
      return { freedMiB, missing: [...missing].map(([uuid, mib]) => missingText(before, uuid, mib)) };
    },
  };
}

function missingText(gpus: readonly GpuDetails[], uuid: string, mib: number): string {
  const index = gpus.find((gpu) => gpu.uuid === uuid)?.index;
  return `${gibText(mib)} of GPU ${index ?? uuid} did not come back within ${limitMs / 1000} s`;
}

/** `undefined` when nothing was held. */
export function returnText({ freedMiB, missing }: GpuReturn): string | undefined {
  if (missing.length > 0) return `GPU memory: ${missing.join('; ')}`;
  return freedMiB === 0 ? undefined : `GPU memory: ${gibText(freedMiB)} came back`;
}
