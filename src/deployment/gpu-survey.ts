/** The GPUs of this host with all processes that hold them, and the runs that those belong to. */
import { readdirSync } from 'node:fs';
import type { ProcessFacts } from '../base/identity.ts';
import type { Environment } from '../base/environment.ts';
import { computeApps, cudaVersion } from '../gpu/nvidia-smi.ts';
import { type DeviceUsers, type Holder, holdersOf } from '../gpu/holders.ts';
import { type GpuDetails, inventory } from '../gpu/inventory.ts';
import { factsOf } from '../process/facts.ts';
import { readWholeLedger } from '../process/ledger.ts';
import { openersOf } from '../process/open-files.ts';
import { findOwned, type OwnedProcess } from '../process/owned.ts';
import { takeLook } from '../process/proc.ts';
import type { StoredRun } from '../run/record.ts';

/** The run of a process, as its ledger proves. */
export interface Owner {
  readonly run: StoredRun;
  readonly owned: OwnedProcess;
}

export interface HeldGpus {
  readonly gpus: readonly GpuDetails[];
  /** The newest CUDA version that the driver supports. */
  readonly cuda?: string;
  /** `run`: the run that it belongs to, as the ledger proves. */
  readonly holders: readonly (Holder & { readonly run?: StoredRun })[];
  /** Memory held by processes that are not visible here, and what could not be determined. In words. */
  readonly unseen: readonly string[];
}

/** Runs the queries of nvidia-smi in parallel. `owners` and `containers`: as ledgers prove them. Never throws. */
export async function surveyGpus(
  owners: ReadonlyMap<number, Owner>,
  containers: ReadonlyMap<string, StoredRun>,
  environment: Environment,
): Promise<HeldGpus> {
  const [seen, { apps, problem }, cuda] = await Promise.all([
    inventory(environment),
    computeApps(environment),
    cudaVersion(environment),
  ]);
  const { holders, unseen } = holdersOf(seen.gpus, apps, deviceUsers(), factsOf);
  return {
    gpus: seen.gpus,
    ...(cuda === undefined ? {} : { cuda }),
    holders: holders.map((holder) => {
      const run = runOf(holder.facts, owners, containers);
      return run === undefined ? holder : { ...holder, run };
    }),
    unseen: [
      ...new Set([seen.problem, problem].filter((each) => each !== undefined)),
      ...seen.notes,
      ...unseen,
    ],
  };
}

/** `containers`: by the first twelve characters of their ids. */
export function runOf(
  { pid, startTime, container }: ProcessFacts,
  owners: ReadonlyMap<number, Owner>,
  containers: ReadonlyMap<string, StoredRun>,
): StoredRun | undefined {
  const owner = owners.get(pid);
  if (owner?.owned.startTime === startTime) return owner.run;
  return container === undefined ? undefined : containers.get(container.id);
}

/** Running processes of those runs that have not ended, by pid, as their ledgers prove. Writes nothing. */
export function ownersIn(runs: readonly StoredRun[]): Map<number, Owner> {
  const open = runs.filter(({ record }) => record.endedAt === undefined);
  const look = takeLook();
  const owned = open.flatMap((run) => {
    const { entries, descendants } = readWholeLedger(run.files.ledger);
    const found = findOwned(entries, descendants, new Map(), look);
    return found.map((each): [number, Owner] => [each.pid, { run, owned: each }]);
  });
  return new Map(owned);
}

const devicePattern = /^\/dev\/nvidia\d+$/;

/** Users of /dev/nvidia0 and so on; `undefined` in WSL2, which has no such files. */
function deviceUsers(): DeviceUsers | undefined {
  const isThere = readdirSync('/dev').some((name) => devicePattern.test(`/dev/${name}`));
  return isThere ? openersOf((path) => devicePattern.test(path)) : undefined;
}
