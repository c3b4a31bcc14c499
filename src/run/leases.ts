/** Keeps the ports and GPUs of a run from other runs of this user, from planning until the run has ended. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { IsAlive } from '../base/identity.ts';
import type { Plan } from '../plan/plan.ts';
import {
  adopt,
  type Claim,
  claim,
  claimEach,
  holderText,
  type Obstacle,
  obstacleIn,
  readClaim,
  unclaim,
  unclaimEach,
} from './claim.ts';
import type { StateFolders } from './folders.ts';

export function portLease({ ports }: StateFolders, port: number): string {
  return join(ports, String(port));
}

export function portsOf(plan: Plan): number[] {
  return plan.processes.flatMap(({ ports }) => Object.values(ports));
}

/** Ports that live runs hold, or whose lease cannot be read, each with its holder in words. */
export function leasedPorts(folders: StateFolders, isAlive: IsAlive): Map<number, string> {
  const leased = leasesIn(folders).flatMap(({ port, file }): [number, string][] => {
    const standing = obstacleIn(file, isAlive);
    return standing === undefined ? [] : [[port, holderText(standing)]];
  });
  return new Map(leased);
}

function leasesIn({ ports }: StateFolders): { port: number; file: string }[] {
  return readdirSync(ports)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ port: Number(name), file: join(ports, name) }));
}

/** Leases all ports or none. Returns a port that another run took first, or `undefined` on success. */
export function leasePorts(
  folders: StateFolders,
  ports: readonly number[],
  mine: Claim,
  isAlive: IsAlive,
): number | undefined {
  const files = ports.map((port) => portLease(folders, port));
  const lost = claimEach(files, mine, isAlive);
  if (lost === undefined) return undefined;
  releasePorts(folders, ports.slice(0, lost.index), mine, isAlive);
  return ports[lost.index];
}

/** `mine.holder` is the process that releases them, whichever process holds the leases. */
export function releasePorts(
  folders: StateFolders,
  ports: readonly number[],
  mine: Claim,
  isAlive: IsAlive,
): void {
  const files = ports.map((port) => portLease(folders, port));
  unclaimEach(files, mine, isAlive);
}

/** All ports of a run, even if its plan cannot be read any more. */
export function releaseAllPorts(folders: StateFolders, mine: Claim, isAlive: IsAlive): void {
  for (const { file } of leasesIn(folders)) unclaim(file, mine, isAlive);
}

/** GPUs that live runs hold, or whose lease cannot be read, by UUID. */
export function leasedGpus(folders: StateFolders, isAlive: IsAlive): Map<string, Obstacle> {
  const leased = leaseFiles(folders).flatMap(({ file, uuid }): [string, Obstacle][] => {
    const standing = obstacleIn(file, isAlive);
    return standing === undefined ? [] : [[uuid, standing]];
  });
  return new Map(leased);
}

/** The id of the run; the file if the lease cannot be read. */
export function lesseeOf(standing: Obstacle): string {
  return standing.kind === 'held' ? standing.claim.runId : `unknown, as ${standing.file} cannot be read`;
}

/** Leases all or none. Returns a UUID that another run took first, or `undefined` on success. */
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

/** Even if the plan of the run cannot be read any more. `mine.holder` is the process that releases them. */
export function releaseGpus(folders: StateFolders, mine: Claim, isAlive: IsAlive): void {
  for (const { file } of leaseFiles(folders)) unclaim(file, mine, isAlive);
}

/** Some GPUs of a run that goes on. `mine.holder` is the process that releases them. */
export function releaseSomeGpus(
  folders: StateFolders,
  uuids: readonly string[],
  mine: Claim,
  isAlive: IsAlive,
): void {
  for (const uuid of uuids) unclaim(gpuLease(folders, uuid), mine, isAlive);
}

/** Transfers the leases of a run to the process that supervises it from now on. */
export function adoptGpus(folders: StateFolders, mine: Claim): void {
  for (const { file } of leaseFiles(folders)) if (readClaim(file)?.runId === mine.runId) adopt(file, mine);
}

/** UUIDs of MIG instances of old drivers contain slashes: MIG-GPU-…/1/0. */
export function gpuLease(folders: StateFolders, uuid: string): string {
  return join(folders.gpus, encodeURIComponent(uuid));
}

function leaseFiles(folders: StateFolders): { file: string; uuid: string }[] {
  return readdirSync(folders.gpus).flatMap((name) =>
    // Drafts and take-overs of claims have a dot.
    /^[^.]+$/.test(name) ? [{ file: join(folders.gpus, name), uuid: decodeURIComponent(name) }] : [],
  );
}
