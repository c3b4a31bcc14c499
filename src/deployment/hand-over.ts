/** Gives a prepared run to the process that will supervise it: name, ports, GPUs and record stand and fall with that one. */
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { Identity } from '../base/identity.ts';
import { identify, isAlive } from '../process/identity.ts';
import { adopt } from '../run/claim.ts';
import { persistClaim, type StateFolders } from '../run/folders.ts';
import { adoptGpus, portsOf } from '../run/leases.ts';
import { writeRecord } from '../run/record.ts';
import { findRun } from './find-run.ts';
import type { HeldRun } from './tidy-up.ts';

/** To be called at once after that process was started, so that it is never unknown for long. */
export function handOver({ plan, files, folders }: HeldRun, supervisor: Identity): void {
  const { record } = findRun(folders, plan.runId);
  writeRecord(files, { ...record, supervisor });
  const theirs = { runId: plan.runId, holder: supervisor };
  adopt(join(folders.names, plan.name), theirs);
  const data = persistClaim(folders, plan);
  if (data !== undefined) adopt(data, theirs);
  for (const port of portsOf(plan)) adopt(join(folders.ports, String(port)), theirs);
  adoptGpus(folders, theirs);
}

/** Waits to be named. Throws when whoever prepared the run is dead: then it is being reaped, and must not begin. */
export async function untilHandedOver(folders: StateFolders, runId: string): Promise<void> {
  const me = identify(process.pid);
  for (;;) {
    const { record } = findRun(folders, runId);
    if (record.supervisor.pid === me?.pid && record.supervisor.startTime === me.startTime) return;
    if (!isAlive(record.supervisor)) {
      throw new DynamoError('process-failed', `Who prepared ${runId} is dead: the run does not begin.`);
    }
    await systemClock.sleep(2);
  }
}
