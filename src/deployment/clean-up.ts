/** Carries out what `clean` announced: processes first, then what they held; and waits for GPU memory to be freed. */
import { rmSync } from 'node:fs';
import type { Environment } from '../base/environment.ts';
import { systemClock } from '../base/clock.ts';
import { DynamoError } from '../base/error.ts';
import type { HeldMemory } from '../gpu/holders.ts';
import { endOne } from '../process/end-processes.ts';
import { bootId, identify, isAlive } from '../process/identity.ts';
import { markedProcesses } from '../process/marked.ts';
import { usersOf } from '../process/shared-memory.ts';
import type { StateFolders, Workspace } from '../run/folders.ts';
import {
  holdsMedia,
  pruneRun,
  removeStale,
  staleClaims,
  type StaleFile,
  staleSockets,
} from '../run/stale.ts';
import { isDead, storedRuns } from '../run/record.ts';
import type { CleanFindings, DeadRun } from './survey.ts';
import type { UnownedProcess } from './unowned-processes.ts';
import { type GpuReturn, watchHeld } from './freed-gpus.ts';
import { keysReport } from './sweep-run.ts';
import { claimNeeds } from './claims.ts';
import { ownersIn } from './gpu-survey.ts';
import { reapRun, sweepAgain, untilKeeperGone } from './reap-run.ts';
import { quietly } from './sole-reaper.ts';

/** Between SIGTERM and SIGKILL for a process that the user named. */
const unownedGraceMs = 10_000;

export interface CleanOutcome {
  /** Processes that could not be stopped, in words. */
  readonly left: readonly string[];
  readonly memory: GpuReturn;
  /** The result of removing keys from an external etcd, one line per run. */
  readonly keys: readonly string[];
  /** Processes that were already ending a run and used up their time, one line per run. */
  readonly overdue: readonly string[];
  /** Runs whose ledger may not list everything that they started. */
  readonly incomplete: readonly DynamoError[];
}

export async function cleanUp(
  workspace: Workspace,
  findings: CleanFindings,
  chosen: readonly UnownedProcess[],
): Promise<CleanOutcome> {
  const { folders, environment } = workspace;
  const ended = await endDeadRuns(workspace, findings);
  const left = [...ended.left, ...(await keepersLeft(findings)), ...(await endUnowned(chosen))];
  const keys = [...ended.keys, ...(await sweepUnswept(findings, environment))];
  const held = heldByEnded(findings, chosen);
  const returned = await watchHeld(findings.gpus.gpus, held, environment).returned();
  removeSegments(findings);
  // Searched again: those of dead runs are gone, and there may be new ones.
  const holder = identify(process.pid);
  if (holder !== undefined) {
    const mine = { runId: `clean-${process.pid}`, holder };
    for (const stale of [...staleNow(folders), ...(await staleSockets(folders))]) {
      quietly(() => removeStale(stale, mine, isAlive));
    }
  }
  for (const run of findings.prunable) if (!holdsMedia(run)) pruneRun(run);
  return { left, memory: returned, keys, incomplete: ended.incomplete, overdue: ended.overdue };
}

/** Those of ended runs are about to exit. */
async function keepersLeft({ kept }: CleanFindings): Promise<string[]> {
  const left: string[] = [];
  for (const run of kept) if (!isDead(run)) left.push(...(await untilKeeperGone(run)));
  return left;
}

/** As of now: leases of a process that could not be stopped stay. */
function staleNow(folders: StateFolders): readonly StaleFile[] {
  const runs = storedRuns(folders, isAlive);
  const owners = [...ownersIn(runs).values()];
  const marked = markedProcesses();
  const living = { runs, owners, marked };
  return staleClaims(folders, isAlive, claimNeeds(folders, living));
}

/** GPU memory that the stopped processes held. */
function heldByEnded({ gpus }: CleanFindings, chosen: readonly UnownedProcess[]): HeldMemory[] {
  const ended = [...gpus.holders.filter(({ run }) => run?.supervised === false), ...chosen];
  return ended.filter(({ facts }) => !isAlive(facts)).flatMap(({ memory }) => memory);
}

/** With SIGKILL immediately: there are no clients left, and a loading process ignores SIGTERM. */
async function endDeadRuns(workspace: Workspace, { deadRuns }: CleanFindings) {
  const [left, keys, overdue]: [string[], string[], string[]] = [[], [], []];
  const incomplete: DynamoError[] = [];
  for (const { run, processes } of deadRuns.toSorted((a, b) => gpuMiBOf(b) - gpuMiBOf(a))) {
    const holders = processes.filter(({ gpuMiB }) => gpuMiB > 0).map((each) => each.process);
    try {
      const report = await reapRun(workspace, run, true, [...new Set(holders)]);
      left.push(...report.left);
      if (report.keys !== undefined) keys.push(`${run.record.runId}: ${report.keys}`);
      if (report.overdue !== undefined) overdue.push(`${run.record.runId}: ${report.overdue}`);
    } catch (error) {
      // An incomplete ledger must not prevent the other runs from being stopped.
      if (!(error instanceof DynamoError)) throw error;
      incomplete.push(error);
    }
  }
  return { left, keys, incomplete, overdue };
}

async function sweepUnswept({ unswept }: CleanFindings, environment: Environment): Promise<string[]> {
  const keys: string[] = [];
  for (const run of unswept) {
    // Impossible without credentials.
    if (keysReport(run, '', environment).items.length === 0) continue;
    const text = await sweepAgain(run, environment);
    if (text !== undefined) keys.push(`${run.record.runId}: ${text}`);
  }
  return keys;
}

function gpuMiBOf({ processes }: DeadRun): number {
  return processes.reduce((sum, { gpuMiB }) => sum + gpuMiB, 0);
}

async function endUnowned(chosen: readonly UnownedProcess[]): Promise<string[]> {
  const outcomes = await Promise.all(
    chosen.map(async ({ facts }) => {
      const { pid, startTime, user } = facts;
      const outcome = await endOne({ bootId: bootId(), pid, startTime }, unownedGraceMs, systemClock);
      if (outcome === 'not-allowed') return [`${pid} (of ${user}: not allowed; use sudo)`];
      return outcome === 'left' ? [`${pid} (${facts.command})`] : [];
    }),
  );
  return outcomes.flat();
}

/** A process may have started to use a segment meanwhile. */
function removeSegments({ segments }: CleanFindings): void {
  const users = usersOf(segments.map(({ segment }) => segment));
  for (const { segment } of segments) if (!users.has(segment.path)) rmSync(segment.path, { force: true });
}
