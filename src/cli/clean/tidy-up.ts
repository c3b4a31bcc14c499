/** Gives back and removes what a run held once nothing of it lives: its logs, plan, ledger and events stay. */
import { rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { passingFolders, type Plan } from '../../plan/plan.ts';
import type { Secrets } from '../../plan/plan-secrets.ts';
import { removeCgroup } from '../../process/cgroup.ts';
import { isAlive, ownIdentity } from '../../process/identity.ts';
import { readCgroups } from '../../process/ledger.ts';
import { letGoOfPorts } from '../../process/port-holds.ts';
import { removeUsedSegments } from '../../process/used-segments.ts';
import { unclaim } from '../../run/claim.ts';
import { releaseGpus } from '../../run/gpu-leases.ts';
import { persistClaim, type RunFiles, socketPath, type StateFolders } from '../../run/folders.ts';
import { portsOf, releasePorts } from '../../run/port-leases.ts';
import { markEnded } from '../../run/record.ts';

export interface PlacedRun {
  readonly plan: Plan;
  readonly files: RunFiles;
  readonly folders: StateFolders;
}

/** A run of ours that can be started. */
export interface HeldRun extends PlacedRun {
  /** What the plan does not hold, and its processes need. */
  readonly secrets: Secrets;
}

export function tidyUp({ plan, files, folders }: PlacedRun): void {
  for (const folder of passingFolders(plan)) rmSync(folder, { recursive: true, force: true });
  try {
    rmdirSync(plan.mediaFolder); // stays when the user has images in it
  } catch {
    // not empty
  }
  releaseRun({ plan, folders });
  removeUsedSegments(files.ledger);
  for (const cgroup of readCgroups(files.ledger)) removeCgroup(cgroup);
  rmSync(socketPath(folders, plan.runId), { force: true });
  markEnded(files);
}

/** Gives back names, ports and GPUs only, for a run that was never supervised. */
export function releaseRun({ plan, folders }: Pick<PlacedRun, 'plan' | 'folders'>): void {
  const mine = { runId: plan.runId, holder: ownIdentity() };
  letGoOfPorts(portsOf(plan));
  releasePorts(folders, portsOf(plan), mine, isAlive);
  releaseGpus(folders, mine, isAlive);
  unclaim(join(folders.names, plan.name), mine, isAlive);
  const data = persistClaim(folders, plan);
  if (data !== undefined) unclaim(data, mine, isAlive);
}
