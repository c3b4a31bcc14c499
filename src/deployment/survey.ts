/** Finds everything that `clean` reports: what provably belongs to dead runs, and what may. Changes nothing. */
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { systemClock } from '../base/clock.ts';
import type { FoundContainer } from '../container/in-ledger.ts';
import type { ProcessFacts } from '../base/identity.ts';
import type { SeenContainer } from '../plan/container.ts';
import { factsOf, startedAtMs } from '../process/facts.ts';
import { bootId, isAlive } from '../process/identity.ts';
import { readContainers, readLedger, readSegments, readWholeLedger } from '../process/ledger.ts';
import { type MarkedProcess, markedProcesses, unprovenMembers } from '../process/marked.ts';
import type { OwnedProcess } from '../process/owned.ts';
import {
  type DeadCreator,
  keyOfEntry,
  proofOf,
  type Segment,
  type SegmentProof,
  segmentsIn,
  usersOf,
} from '../process/shared-memory.ts';
import { isLiving, readStat } from '../process/proc.ts';
import type { StateFolders, Workspace } from '../run/folders.ts';
import {
  type KeptClaim,
  checkClaims,
  type PrunableRun,
  prunableRuns,
  type StaleFile,
  staleSockets,
} from '../run/stale.ts';
import { isDead, readRecordIn, type StoredRun } from '../run/record.ts';
import { claimNeeds } from './claims.ts';
import { type HeldGpus, type Owner, ownersIn, runOf, surveyGpus } from './gpu-survey.ts';
import { type KnownRun, knownRuns } from './kept-runs.ts';
import { foundContainers } from './reap-run.ts';

export interface DeadRun {
  readonly run: StoredRun;
  readonly containers: readonly (FoundContainer & { readonly gpuMiB: number })[];
  /** GPU holders first. */
  readonly processes: readonly (OwnedProcess & { readonly gpuMiB: number })[];
}

export interface CleanFindings {
  readonly deadRuns: readonly DeadRun[];
  /** Runs whose keeper is at work or about to exit. */
  readonly kept: readonly KnownRun[];
  /** Ended runs whose keys could not be removed from an external etcd. */
  readonly unswept: readonly StoredRun[];
  readonly segments: readonly SegmentProof[];
  readonly stale: readonly StaleFile[];
  /** Claims that are kept although their holder is dead or unknown. */
  readonly keptClaims: readonly KeptClaim[];
  readonly prunable: readonly PrunableRun[];
  readonly gpus: HeldGpus;
  /** Processes with marks of a run, or in a session of a run, that no ledger here proves. */
  readonly marked: readonly (MarkedProcess & { readonly facts: ProcessFacts })[];
  /** Containers with our label that are in no ledger here. */
  readonly containers: readonly SeenContainer[];
  /** Unused segments of unknown origin. */
  readonly unproven: readonly Segment[];
}

/** `prunedAfterMs`: runs that ended longer ago are pruned. */
export async function surveyAll(
  { folders, environment }: Workspace,
  prunedAfterMs: number,
): Promise<CleanFindings> {
  const runs = await knownRuns(folders);
  const owners = ownersIn(runs);
  const inContainers = await containersOf(runs);
  const contained = runsByContainer(inContainers);
  const gpus = await surveyGpus(owners, contained, environment);
  const sockets = await staleSockets(folders);
  const marked = markedProcesses().filter(({ pid }) => !owners.has(pid));
  const up = new Set(runs.filter(({ supervised }) => supervised).map(({ record }) => record.runId));
  const staying = [...owners.values()].filter(({ run }) => run.supervised);
  const claims = checkClaims(folders, isAlive, claimNeeds(folders, { runs, owners: staying, marked }));
  return {
    deadRuns: runs.filter(isDead).map((run) => deadRun(run, owners, inContainers, gpus)),
    kept: runs.filter(({ supervised, keeper }) => !supervised && keeper !== undefined),
    unswept: runs.filter(({ record }) => record.endedAt !== undefined && record.unswept !== undefined),
    ...segmentFindings(runs, owners),
    stale: [...claims.stale, ...sockets],
    keptClaims: claims.kept,
    prunable: prunableRuns(folders, runs, prunedAfterMs, systemClock.now()),
    gpus,
    containers: await unknownContainers(runs, environment),
    marked: suspects(runs, marked).flatMap((suspect) => {
      const elsewhere = !isIn(folders, suspect) && isSupervised(suspect);
      const facts = owners.has(suspect.pid) || elsewhere ? undefined : factsOf(suspect.pid);
      // What a live run has started since the scan will be proven by the next scan.
      const isNew = facts !== undefined && facts.ageMs < justStartedMs && up.has(suspect.runId);
      if (facts?.startTime !== suspect.startTime || isNew) return [];
      return runOf(facts, owners, contained) === undefined ? [{ ...suspect, facts }] : [];
    }),
  };
}

/** Between the scan for owned processes and the scan for marks. */
const justStartedMs = 2_000;

function isIn({ runs }: StateFolders, { runFolder }: Pick<MarkedProcess, 'runFolder'>): boolean {
  return runFolder !== undefined && dirname(runFolder) === runs;
}

/** Processes with marks of a run, and members of dead leaders' sessions that started before their run ended. */
function suspects(runs: readonly StoredRun[], marked: readonly MarkedProcess[]): MarkedProcess[] {
  const known = new Set(marked.map(({ pid }) => pid));
  const members = runs
    .filter(({ supervised }) => !supervised)
    .flatMap(({ record: { endedAt = Infinity }, files }) =>
      unprovenMembers(readLedger(files.ledger)).filter(
        ({ pid, startTime }) => !known.has(pid) && startedAtMs(startTime) <= endedAt,
      ),
    );
  return [...marked, ...new Map(members.map((each) => [each.pid, each])).values()];
}

/** None if no daemon answers. */
async function unknownContainers(
  runs: readonly StoredRun[],
  environment: Environment,
): Promise<SeenContainer[]> {
  const { surveyContainers } = await import('../container/find-daemon.ts');
  const { containers } = await surveyContainers(environment, homedir());
  const known = new Set(
    runs.flatMap(({ files }) => readContainers(files.ledger).map(({ container }) => container)),
  );
  return containers.filter((each) => each.runId !== '' && !known.has(each.name) && !isSupervised(each));
}

/** By a live run in another state folder. */
function isSupervised({ runFolder }: Pick<MarkedProcess, 'runFolder'>): boolean {
  const record = runFolder === undefined ? undefined : readRecordIn(runFolder);
  return record !== undefined && isAlive(record.supervisor);
}

function deadRun(
  run: StoredRun,
  owners: ReadonlyMap<number, Owner>,
  inContainers: OwnContainers,
  gpus: HeldGpus,
): DeadRun {
  const processes = [...owners.values()]
    .filter((owner) => owner.run.record.runId === run.record.runId)
    .map(({ owned }) => ({ ...owned, gpuMiB: heldBy(({ pid }) => pid === owned.pid, gpus) }))
    .toSorted((a, b) => b.gpuMiB - a.gpuMiB);
  const found = inContainers.find((each) => each.run.record.runId === run.record.runId)?.containers ?? [];
  const containers = found.map((each) => {
    const id = each.id?.slice(0, 12);
    return { ...each, gpuMiB: heldBy(({ container }) => id !== undefined && container?.id === id, gpus) };
  });
  return { run, processes, containers };
}

function heldBy(isMeant: (facts: ProcessFacts) => boolean, { holders }: HeldGpus): number {
  const memory = holders.filter(({ facts }) => isMeant(facts)).flatMap((holder) => holder.memory);
  return memory.reduce((sum, { usedMiB = 0 }) => sum + usedMiB, 0);
}

export function segmentFindings(
  runs: readonly StoredRun[],
  owners: ReadonlyMap<number, Owner>,
): Pick<CleanFindings, 'segments' | 'unproven'> {
  const all = segmentsIn();
  const users = usersOf(all);
  const uid = process.getuid?.() ?? -1;
  const dying = [...owners.values()].filter(({ run }) => !run.supervised);
  const evidence = {
    uid,
    users,
    used: new Map(runs.filter(({ supervised }) => !supervised).flatMap(usedBy)),
    creators: runs.filter(({ supervised }) => !supervised).flatMap(creatorsOf),
    dying: new Map(dying.map(({ owned, run }) => [owned.pid, run.record.runId])),
    pidTakenSince: (pid: number) => {
      const stat = dying.some(({ owned }) => owned.pid === pid) ? undefined : readStat(pid);
      // A zombie is the dead process itself.
      return isLiving(stat) ? startedAtMs(stat.startTime) : undefined;
    },
  };
  const segments = all.flatMap((segment) => proofOf(segment, evidence) ?? []);
  const proven = new Set(segments.map(({ segment }) => segment));
  return {
    segments,
    unproven: all.filter(
      (segment) => segment.uid === uid && !proven.has(segment) && !users.has(segment.path),
    ),
  };
}

function usedBy({ record, files }: StoredRun): [key: string, runId: string][] {
  return readSegments(files.ledger).map((entry) => [keyOfEntry(entry), record.runId]);
}

/** Processes of this boot only: pids of an earlier boot mean nothing. */
function creatorsOf({ record, files }: StoredRun): DeadCreator[] {
  const { entries, descendants } = readWholeLedger(files.ledger);
  return [...entries, ...descendants]
    .filter((each) => each.bootId === bootId())
    .map(({ pid, startTime }) => ({
      pid,
      runId: record.runId,
      startedAt: startedAtMs(startTime),
      ...(record.endedAt === undefined ? {} : { endedBy: record.endedAt }),
    }));
}

type OwnContainers = readonly {
  readonly run: StoredRun;
  readonly containers: readonly FoundContainer[];
}[];

/** Queries a daemon only if a ledger lists containers. Never rejects. */
async function containersOf(runs: readonly StoredRun[]): Promise<OwnContainers> {
  const open = runs.filter(({ record }) => record.endedAt === undefined);
  return await Promise.all(open.map(async (run) => ({ run, containers: await foundContainers(run) })));
}

/** By the first twelve characters of their ids. */
function runsByContainer(own: OwnContainers): Map<string, StoredRun> {
  return new Map(
    own.flatMap(({ run, containers }) =>
      containers.flatMap(({ id }): [string, StoredRun][] =>
        id === undefined ? [] : [[id.slice(0, 12), run]],
      ),
    ),
  );
}
