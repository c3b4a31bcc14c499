/** Runs as their keepers know them: whatever records are missing, a run has not ended while its keeper is at work. */
import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { xdgFolder } from '../base/xdg.ts';
import { startedAtMs } from '../process/facts.ts';
import { isAlive } from '../process/identity.ts';
import { type LivingKeeper, livingKeepers, readLedgerOf } from '../process/living-keepers.ts';
import { fileIdentity, livingProcesses, type ProcessStat } from '../process/proc.ts';
import { type RunFiles, runFiles, stateFolderPaths, type StateFolders } from '../run/folders.ts';
import { hasKnownSupervisor, type StoredRun, storedRuns } from '../run/record.ts';

export interface KnownRun extends StoredRun {
  /** It is running: with a dead supervisor, it is ending the run now. */
  readonly keeper?: LivingKeeper;
}

/** All runs with a trace: on disk, or in the command line of a keeper. Oldest first. `living`: of a look at /proc right before. */
export async function knownRuns(folders: StateFolders, living?: readonly ProcessStat[]): Promise<KnownRun[]> {
  // Before the records: those of a run whose keeper has ended since are complete.
  const keepers = await keepersIn(folders.runs, living);
  const stored = storedRuns(folders, isAlive);
  const known = new Set(stored.map(({ record }) => record.runId));
  const hidden = new Map(
    keepers.flatMap((keeper) => (known.has(keeper.runId) ? [] : [[keeper.runId, keeper]])),
  );
  const runs = [
    ...stored.map((run) =>
      completed(
        run,
        keepers.find(({ runId }) => runId === run.record.runId),
      ),
    ),
    ...[...hidden.values()].map((keeper) => runOf(folders, keeper)),
  ];
  for (const { supervised, files, keeper } of runs)
    if (!supervised && keeper !== undefined) readIfRemoved(files, keeper);
  return runs.toSorted((a, b) => a.record.startedAt - b.record.startedAt);
}

/** If no record names the supervisor, the keeper does. */
function completed(run: StoredRun, keeper: LivingKeeper | undefined): KnownRun {
  if (keeper === undefined) return run;
  if (hasKnownSupervisor(run)) return { ...run, keeper };
  const { supervisor } = keeper;
  return { ...run, record: { ...run.record, supervisor }, supervised: isAlive(supervisor), keeper };
}

function runOf(folders: StateFolders, keeper: LivingKeeper): KnownRun {
  const { runId, supervisor } = keeper;
  const files = runFiles(folders, runId);
  const startedAt = startedAtMs(supervisor.startTime);
  const name = runId.replace(/-[^-]+$/, '');
  const record = { runId, name, startedAt, detached: true, version: 'unknown', supervisor };
  const damage = `${files.folder}: its records were removed`;
  return { record, files, supervised: isAlive(supervisor), damage, keeper };
}

/** Keepers that are ending this run, except this process. `living`: of a look at /proc after the death of its supervisor. */
export async function keepersAtWork(
  { folder }: RunFiles,
  living: readonly ProcessStat[] = livingProcesses(),
): Promise<LivingKeeper[]> {
  const keepers = await keepersIn(dirname(folder), living);
  const mine = keepers.filter(({ runId, supervisor }) => runId === basename(folder) && !isAlive(supervisor));
  // A keeper waits for no other one: they would wait for each other.
  return mine.some(({ pid }) => pid === process.pid) ? [] : mine;
}

/** From now on, a ledger that was removed is read from a keeper that is ending the run. */
export async function readRemovedLedger(files: RunFiles): Promise<void> {
  for (const keeper of await keepersAtWork(files)) readIfRemoved(files, keeper);
}

function readIfRemoved({ ledger }: RunFiles, keeper: LivingKeeper): void {
  if (!existsSync(ledger)) readLedgerOf(keeper, ledger);
}

/** Other state folders have keepers, too. */
async function keepersIn(runs: string, living?: readonly ProcessStat[]): Promise<LivingKeeper[]> {
  const keepers = await livingKeepers(living);
  return keepers.filter(({ environment }) => isSame(runsOf(environment), runs));
}

/** As the keeper itself finds them. */
function runsOf(environment: Environment): string {
  const state =
    xdgFolder(environment, 'XDG_STATE_HOME') ?? join(environment['HOME'] ?? homedir(), '.local', 'state');
  return stateFolderPaths({ ...environment, XDG_STATE_HOME: state }).runs;
}

/** Another login may name the same folder by a link. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((folder) => statSync(folder, { throwIfNoEntry: false }));
  return one === other || (a !== undefined && b !== undefined && fileIdentity(a) === fileIdentity(b));
}
