/** Releases and removes what an ended run held; its logs, plan, ledger and events stay. */
import { lstatSync, rmdirSync, rmSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { ephemeralFolders, type Plan, runsModel } from '../plan/plan.ts';
import type { RunEnvironment } from '../plan/run-environment.ts';
import { isAlive, ownIdentity } from '../process/identity.ts';
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

/** A run that is ready to start. */
export interface PreparedRun<P extends Plan = Plan> extends PlacedRun<P> {
  /** What its processes need and the plan does not contain. */
  readonly environment: RunEnvironment;
}

/** A run that may have lost its plan. `record`: used if the record on disk is damaged. */
export interface EndedRun extends Omit<PlacedRun, 'plan'> {
  readonly plan: Plan | undefined;
  readonly record?: RunRecord;
}

/** Each step is independent: if a full or read-only disk, or another user, prevents one, the others are still done. */
export function tidyUp({ plan, files, folders, record }: EndedRun): void {
  const runId = plan?.runId ?? record?.runId;
  for (const folder of ephemeralOf(plan, files))
    quietly(() => rmSync(folder, { recursive: true, force: true }));
  // Stays if it contains images.
  quietly(() =>
    rmdirSync(plan !== undefined && runsModel(plan) ? plan.mediaFolder : join(files.folder, 'media')),
  );
  if (plan !== undefined) quietly(() => releaseRun({ plan, folders }));
  else if (runId !== undefined) quietly(() => releaseAll(folders, runId));
  quietly(() => removeUsedSegments(files.ledger));
  if (runId !== undefined) quietly(() => removeSocket(socketIn(folders, files)));
  quietly(() => markEnded(files, record));
}

/** A manipulated record must not make us remove other files. */
function removeSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path, { force: true });
}

/** A manipulated plan must not make us remove other folders. */
function ephemeralOf(plan: Plan | undefined, { folder: runFolder }: RunFiles): string[] {
  if (plan === undefined) return ['discovery', 'tmp', 'models', 'infra'].map((name) => join(runFolder, name));
  return ephemeralFolders(plan).filter((folder) => resolve(folder).startsWith(`${runFolder}${sep}`));
}

/** Releases names, ports and GPUs only, for a run that was never supervised. */
export function releaseRun({ plan, folders }: Pick<PlacedRun, 'plan' | 'folders'>): void {
  const mine = { runId: plan.runId, holder: ownIdentity() };
  releasePortHolds(portsOf(plan));
  releasePorts(folders, portsOf(plan), mine, isAlive);
  releaseGpus(folders, mine, isAlive);
  unclaim(join(folders.names, plan.name), mine, isAlive);
  const data = persistClaim(folders, plan);
  if (data !== undefined) unclaim(data, mine, isAlive);
}

/** Everything that a run whose plan is lost has claimed. */
function releaseAll(folders: StateFolders, runId: string): void {
  const mine = { runId, holder: ownIdentity() };
  releaseAllPorts(folders, mine, isAlive);
  releaseGpus(folders, mine, isAlive);
  for (const { file, claim } of claimsIn(folders.names)) {
    if (claim.runId === runId) unclaim(file, mine, isAlive);
  }
}
