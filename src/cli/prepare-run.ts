/** From what the user typed to a run that is ready to be supervised: profile, host facts, plan, leases, folder. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoError } from '../base/error.ts';
import { discoveryFolders, type Plan } from '../plan/plan.ts';
import { makePlan, wishedHttpPort } from '../plan/make-plan.ts';
import type { HostFacts, PlanOptions } from '../plan/request.ts';
import type { Profile } from '../profile/profile.ts';
import { identify, isAlive } from '../process/identity.ts';
import { type Claim, claim, unclaim } from '../run/claim.ts';
import { runFiles, stateFolders, type StateFolders } from '../run/folders.ts';
import { leaseGpus } from '../run/gpu-leases.ts';
import { leasePorts, portsOf, releasePorts } from '../run/port-leases.ts';
import { writePlan, writeRecord } from '../run/record.ts';
import { newRunId } from '../run/run-id.ts';
import { withLeases } from './gpu-facts.ts';
import { gatherFacts } from './host-facts.ts';
import type { HeldRun } from './tidy-up.ts';
import { version } from './version.ts';

/** How often another run may be faster to take a port or a GPU between our look and our lease. */
const planAttempts = 20;

/** Throws DynamoError; then nothing is held and no folder is left. */
export async function prepareRun(
  profile: Profile,
  options: PlanOptions,
  detached: boolean,
): Promise<HeldRun> {
  const folders = stateFolders(process.env);
  const name = options.name ?? profile.name;
  const runId = newRunId(name);
  const holder = identify(process.pid);
  if (holder === undefined)
    throw new DynamoError('environment', '/proc is not mounted: processes cannot be told apart.');
  const mine: Claim = { runId, holder };
  claimName(folders, name, mine);
  try {
    const plan = await planAndLease(profile, options, folders, mine);
    const files = runFiles(folders, runId);
    for (const folder of [files.logs, ...discoveryFolders(plan), plan.mediaFolder]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
    writePlan(files, plan);
    writeRecord(files, { runId, name, startedAt: Date.now(), detached, version, supervisor: holder });
    return { plan, files, folders };
  } catch (error) {
    unclaim(join(folders.names, name), runId);
    throw error;
  }
}

function claimName(folders: StateFolders, name: string, mine: Claim): void {
  const standing = claim(join(folders.names, name), mine, isAlive);
  if (standing === undefined) return;
  throw new DynamoError(
    'busy',
    `A run named ${name} is up already: ${standing.runId} (pid ${standing.holder.pid}).`,
    {
      hint: `dynamo down ${name}   # or start a second one beside it: --name ${name}2`,
    },
  );
}

async function planAndLease(
  profile: Profile,
  options: PlanOptions,
  folders: StateFolders,
  mine: Claim,
): Promise<Plan> {
  const facts = await gatherFacts(folders, {
    runId: mine.runId,
    profile,
    ports: [wishedHttpPort(profile, options)],
    engine: options.engine,
    python: options.python,
  });
  const busyPorts = new Map(facts.busyPorts);
  let { gpus } = facts;
  for (let attempt = 0; attempt < planAttempts; attempt++) {
    const host: HostFacts = { ...facts, busyPorts, gpus };
    const plan = makePlan(profile, options, host);
    const lost = leasePorts(folders, portsOf(plan), mine, isAlive);
    if (lost !== undefined) {
      busyPorts.set(lost, 'another run that starts now');
      continue;
    }
    if (leaseGpus(folders, plan.gpuUuids, mine, isAlive) === undefined) return plan;
    releasePorts(folders, portsOf(plan), mine.runId);
    gpus = withLeases(gpus, folders);
  }
  throw new DynamoError('busy', `Other runs took what was planned ${planAttempts} times in a row.`, {
    hint: 'start them one after the other',
  });
}
