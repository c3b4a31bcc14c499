/** The files that a run claims: its name, its ports and GPUs, and data that outlive it. */
import { join } from 'node:path';
import type { Plan } from '../plan/plan.ts';
import { gpuLease, portLease, portsOf } from '../run/leases.ts';
import { persistClaim, type StateFolders } from '../run/folders.ts';

export function claimFiles(folders: StateFolders, plan: Plan): string[] {
  const data = persistClaim(folders, plan);
  return [
    join(folders.names, plan.name),
    ...portsOf(plan).map((port) => portLease(folders, port)),
    ...plan.gpuUuids.map((uuid) => gpuLease(folders, uuid)),
    ...(data === undefined ? [] : [data]),
  ];
}
