/** The files that a run claims: its name, ports, GPUs and data; and which runs may still need a claim without a live holder. */
import { join } from 'node:path';
import type { Plan } from '../plan/plan.ts';
import { gpuLease, portLease, portsOf } from '../run/leases.ts';
import { persistClaim, type StateFolders } from '../run/folders.ts';
import { readWholeLedger } from '../process/ledger.ts';
import type { MarkedProcess } from '../process/marked.ts';
import { readPlan, type StoredRun } from '../run/record.ts';
import type { ClaimNeeds } from '../run/stale.ts';
import type { Owner } from './gpu-survey.ts';

export function claimFiles(folders: StateFolders, plan: Plan): string[] {
  const data = persistClaim(folders, plan);
  return [
    join(folders.names, plan.name),
    ...portsOf(plan).map((port) => portLease(folders, port)),
    ...plan.gpuUuids.map((uuid) => gpuLease(folders, uuid)),
    ...(data === undefined ? [] : [data]),
  ];
}

interface Living {
  readonly runs: readonly StoredRun[];
  /** Processes that stay: without those of dead runs that are about to be stopped. */
  readonly owners: readonly Owner[];
  /** They may belong to a run whose ledger is lost. */
  readonly marked: readonly MarkedProcess[];
}

export function claimNeeds(folders: StateFolders, { runs, owners, marked }: Living): ClaimNeeds {
  const living = new Set([...owners.map(({ run }) => run.record.runId), ...marked.map(({ runId }) => runId)]);
  const up = runs.filter((run) => run.supervised || living.has(run.record.runId) || isUnknowable(run));
  const plans = up.map(({ record, files }) => ({ runId: record.runId, plan: readPlan(files) }));
  return {
    hasLiving: (runId) => living.has(runId),
    userOf: (file) =>
      plans.find(({ plan }) => plan === undefined || claimFiles(folders, plan).includes(file))?.runId,
  };
}

/** Neither record nor ledger can be read, as for a run of another user: it may be running. */
function isUnknowable({ damage, files }: StoredRun): boolean {
  return damage !== undefined && readWholeLedger(files.ledger).damage !== undefined;
}
