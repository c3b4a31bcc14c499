/** The GPUs of this host as planning needs them: with who holds each, and the run of ours that has it. */
import { type ComputeApp, computeApps } from '../gpu/nvidia-smi.ts';
import { gibText } from '../gpu/holders.ts';
import { inventory } from '../gpu/inventory.ts';
import type { Gpu } from '../plan/request.ts';
import { factsOf } from '../process/facts.ts';
import { isAlive } from '../process/identity.ts';
import type { StateFolders, Workspace } from '../run/folders.ts';
import { leasedGpus, lesseeOf } from '../run/leases.ts';
import { durationText } from '../base/duration.ts';

/** Asks nvidia-smi its two questions at once. `problem`: why the list may be wrong. Never throws. */
export async function gpusHere({
  folders,
  environment,
}: Workspace): Promise<{ gpus: readonly Gpu[]; problem?: string }> {
  const [{ gpus, problem }, { apps }] = await Promise.all([inventory(environment), computeApps(environment)]);
  const held = gpus.map((gpu) => {
    const mine = apps.filter(({ gpuUuid }) => gpuUuid === gpu.uuid);
    return mine.length === 0 ? gpu : { ...gpu, heldBy: mine.map(holderText) };
  });
  return { gpus: withLeases(held, folders), ...(problem === undefined ? {} : { problem }) };
}

/** Leases may have been taken since the GPUs were looked at. */
export function withLeases(gpus: readonly Gpu[], folders: StateFolders): Gpu[] {
  const leased = leasedGpus(folders, isAlive);
  return gpus.map((gpu) => {
    const lease = leased.get(gpu.uuid);
    return lease === undefined ? gpu : { ...gpu, leasedBy: lesseeOf(lease) };
  });
}

function holderText({ pid, name, usedMiB }: ComputeApp): string {
  const facts = factsOf(pid);
  const who =
    facts === undefined
      ? 'not of this pid namespace'
      : `${facts.user}, ${name ?? facts.command}, for ${durationText(facts.ageMs)}`;
  return `${gibText(usedMiB)} by pid ${pid} (${who})`;
}
