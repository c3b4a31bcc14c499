/** Keeps the GPUs of a run from other runs of this user for as long as the run lives; its own workers may share them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { IsAlive } from '../base/identity.ts';
import { adopt, type Claim, claim, readClaim, type Obstacle, obstacleIn, unclaim } from './claim.ts';
import type { StateFolders } from './folders.ts';

/** GPUs that living runs hold, or that nobody can tell about, by UUID. */
export function leasedGpus(folders: StateFolders, isAlive: IsAlive): Map<string, Obstacle> {
  const leased = leaseFiles(folders).flatMap(({ file, uuid }): [string, Obstacle][] => {
    const standing = obstacleIn(file, isAlive);
    return standing === undefined ? [] : [[uuid, standing]];
  });
  return new Map(leased);
}

/** The id of the run; where the lease cannot be read, which file that is. */
export function lesseeOf(standing: Obstacle): string {
  return standing.kind === 'held' ? standing.claim.runId : `unknown, as ${standing.file} cannot be read`;
}

/** Leases all or none. Returns the UUID that another run was faster to take, or `undefined` on success. */
export function leaseGpus(
  folders: StateFolders,
  uuids: readonly string[],
  mine: Claim,
  isAlive: IsAlive,
): string | undefined {
  for (const [i, uuid] of uuids.entries()) {
    if (claim(gpuLease(folders, uuid), mine, isAlive) === undefined) continue;
    for (const taken of uuids.slice(0, i)) unclaim(gpuLease(folders, taken), mine, isAlive);
    return uuid;
  }
  return undefined;
}

/** Also of a run whose plan cannot be read any more. `mine.holder` is who releases. */
export function releaseGpus(folders: StateFolders, mine: Claim, isAlive: IsAlive): void {
  for (const { file } of leaseFiles(folders)) unclaim(file, mine, isAlive);
}

/** Puts the leases of a run in the name of the process that supervises it from now on. */
export function adoptGpus(folders: StateFolders, mine: Claim): void {
  for (const { file } of leaseFiles(folders)) if (readClaim(file)?.runId === mine.runId) adopt(file, mine);
}

/** UUIDs of MIG instances of old drivers hold slashes: MIG-GPU-…/1/0. */
export function gpuLease(folders: StateFolders, uuid: string): string {
  return join(folders.gpus, encodeURIComponent(uuid));
}

function leaseFiles(folders: StateFolders): { file: string; uuid: string }[] {
  return readdirSync(folders.gpus).flatMap((name) =>
    // Drafts and take-overs of claims have a dot.
    /^[^.]+$/.test(name) ? [{ file: join(folders.gpus, name), uuid: decodeURIComponent(name) }] : [],
  );
}
