/** GPU memory that no living process accounts for: what an ended one held is part of it until the driver took it back. */
import type { Gpu } from '../plan/request.ts';
import type { ComputeApp } from './compute-apps.ts';

export interface GpuLook {
  readonly gpus: readonly Gpu[];
  /** Of processes that lived at that moment. */
  readonly apps: readonly ComputeApp[];
}

/** What the driver adds to what it lists for a process (10 MiB each on an H200), for some processes. */
const slackMiB = 256;

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
      return is - was > slackMiB ? [[uuid, is - was]] : [];
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
