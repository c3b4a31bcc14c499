/** Gives back and removes what a run held once nothing of it lives: its logs, plan, ledger and events stay. */
import { lstatSync, rmdirSync, rmSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { ephemeralFolders, type Plan, isServing } from '../plan/plan.ts';
import type { RunEnvironment } from '../plan/run-environment.ts';
import { removeCgroup } from '../process/cgroup.ts';
import { isAlive, ownIdentity } from '../process/identity.ts';
import { readCgroups } from '../process/ledger.ts';
import { releasePortHolds } from '../process/ports.ts';
import { removeUsedSegments } from '../process/shared-memory.ts';
import { claimsIn, unclaim } from '../run/claim.ts';
import { portsOf, releaseAllPorts, releaseGpus, releasePorts } from '../run/leases.ts';
import { persistClaim, type RunFiles, type StateFolders } from '../run/folders.ts';
import { markEnded, type RunRecord, socketIn } from '../run/record.ts';
import { quietly } from './sole-reaper.ts';

export interface PlacedRun<P extends Plan = Plan> {
  readonly plan: P;
  readonly files: RunFiles;
  readonly folders: StateFolders;
}

/** A run of ours that can be started. */
export interface PreparedRun<P extends Plan = Plan> extends PlacedRun<P> {
  /** What the plan does not hold, and its processes need. */
  readonly environment: RunEnvironment;
}

/** Of a run that may have lost its plan. `record`: what is known of it where its record is damaged. */
export interface EndedRun extends Omit<PlacedRun, 'plan'> {
  readonly plan: Plan | undefined;
  readonly record?: RunRecord;
}

/** Each part for itself: what a full or read-only disk, or another user, does not let us do keeps nothing else from it. */
export function tidyUp({ plan, files, folders, record }: EndedRun): void {
  const runId = plan?.runId ?? record?.runId;
  for (const folder of passing(plan, files)) quietly(() => rmSync(folder, { recursive: true, force: true }));
  // stays when the user has images in it
  quietly(() =>
    rmdirSync(plan !== undefined && isServing(plan) ? plan.mediaFolder : join(files.folder, 'media')),
  );
  if (plan !== undefined) quietly(() => releaseRun({ plan, folders }));
  else if (runId !== undefined) quietly(() => releaseAll(folders, runId));
  quietly(() => removeUsedSegments(files.ledger));
  for (const cgroup of readCgroups(files.ledger)) quietly(() => removeCgroup(cgroup));
  if (runId !== undefined) quietly(() => removeSocket(socketIn(folders, files)));
  quietly(() => markEnded(files, record));
}

/** A record that somebody changed must not name files of others. */
function removeSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path, { force: true });
}

/** A plan that somebody changed must not name folders of others. */
function passing(plan: Plan | undefined, { folder: runFolder }: RunFiles): string[] {
  if (plan === undefined) return ['discovery', 'tmp', 'models', 'infra'].map((name) => join(runFolder, name));
  return ephemeralFolders(plan).filter((folder) => resolve(folder).startsWith(`${runFolder}${sep}`));
}

/** Gives back names, ports and GPUs only, for a run that was never supervised. */
export function releaseRun({ plan, folders }: Pick<PlacedRun, 'plan' | 'folders'>): void {
  const mine = { runId: plan.runId, holder: ownIdentity() };
  releasePortHolds(portsOf(plan));
  releasePorts(folders, portsOf(plan), mine, isAlive);
  releaseGpus(folders, mine, isAlive);
  unclaim(join(folders.names, plan.name), mine, isAlive);
  const data = persistClaim(folders, plan);
  if (data !== undefined) unclaim(data, mine, isAlive);
}

/** Whatever stands in the name of a run whose plan is lost. */
function releaseAll(folders: StateFolders, runId: string): void {
  const mine = { runId, holder: ownIdentity() };
  releaseAllPorts(folders, mine, isAlive);
  releaseGpus(folders, mine, isAlive);
  for (const { file, claim } of claimsIn(folders.names)) {
    if (claim.runId === runId) unclaim(file, mine, isAlive);
  }
}
