/** The records of a run on disk: its supervisor and times, its plan, its keeper, and its events. */
import { existsSync, readdirSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Identity, IsAlive } from '../base/identity.ts';
import type { Obstacle } from '../host/own-file.ts';
import {
  goodOrReport,
  linesOf,
  readStored,
  recordFormat,
  type Stored,
  reportDamage,
} from '../host/stored.ts';
import type { Plan } from '../plan/plan.ts';
import { claimsIn } from './claim.ts';
import { type RunFiles, runFiles, socketOf, type StateFolders } from './folders.ts';
import { eventShape, keeperShape, planShape, recordShape } from './shapes.ts';
import { appendOwn, readOwnFile } from '../host/own-file.ts';
import type { RunEvent } from '../supervisor/events.ts';

export interface RunRecord {
  readonly runId: string;
  readonly name: string;
  readonly startedAt: number;
  readonly detached: boolean;
  readonly version: string;
  readonly supervisor: Identity;
  /** Path of its control socket; absent in records of older versions. */
  readonly socket?: string;
  /** Set when all processes have ended and everything is cleaned up. A run without it whose supervisor is dead must be reaped. */
  readonly endedAt?: number;
  /** Why the keys of the run could not be removed from an external etcd. */
  readonly unswept?: string;
}

export interface StoredRun {
  /** If the record is damaged, reconstructed from other files. */
  readonly record: RunRecord;
  readonly files: RunFiles;
  /** True while its supervisor is running. */
  readonly supervised: boolean;
  /** What is wrong with the record, in words. */
  readonly damage?: string;
}

export function writeRecord(files: RunFiles, record: RunRecord): void {
  writeWhole(files.run, { format: recordFormat, ...record });
}

/** `known`: used if the record is damaged. */
export function markEnded(files: RunFiles, known: RunRecord | undefined): void {
  const record = goodRecord(files.folder) ?? known;
  if (record !== undefined) writeRecord(files, { ...record, endedAt: Date.now() });
}

/** `unswept`: as in the record; `undefined` if no key is left there. */
export function markSwept(files: RunFiles, unswept: string | undefined): void {
  const record = goodRecord(files.folder);
  if (record === undefined || record.unswept === unswept) return;
  const { unswept: _, ...rest } = record;
  writeRecord(files, unswept === undefined ? rest : { ...rest, unswept });
}

/** Path of the control socket of a run that has been prepared. The keeper's record has it too: a login may look elsewhere. */
export function socketIn(folders: StateFolders, { folder, keeper }: RunFiles): string {
  const other = (): { socket?: string } => {
    const stored = readStored<KeeperRecord>(keeper, keeperShape);
    return stored.kind === 'good' ? stored.value : {};
  };
  const { socket } = goodRecord(folder) ?? other();
  return socketOf(folders, { runId: basename(folder), ...(socket === undefined ? {} : { socket }) });
}

export function writePlan(files: RunFiles, plan: Plan): void {
  writeWhole(files.plan, plan);
}

interface KeeperRecord extends Identity {
  /** The supervisor that it watches, and the path of its socket; absent in records of older versions. */
  readonly supervisor?: Identity;
  readonly socket?: string;
}

export function writeKeeper(
  files: RunFiles,
  keeper: Identity,
  { supervisor, socket }: Pick<RunRecord, 'supervisor' | 'socket'>,
): void {
  writeWhole(files.keeper, { format: recordFormat, ...keeper, supervisor, socket });
}

/** `undefined` if it is missing or damaged: then there is no keeper to wait for. */
export function readKeeper({ folder, keeper }: RunFiles): KeeperRecord | undefined {
  return goodOrReport(
    keeper,
    readStored<KeeperRecord>(keeper, keeperShape),
    `dynamo down ${basename(folder)}`,
  );
}

/** `undefined` if the file is missing or damaged; damage is reported. */
export function readPlan({ folder, plan: file }: RunFiles): Plan | undefined {
  const fix = `dynamo down ${basename(folder)}   # the ledger still lists what it started`;
  const plan = goodOrReport(file, readStored<Plan>(file, planShape), fix);
  if (plan === undefined || plan.runId === basename(folder)) return plan;
  reportDamage({ file, why: `it is the plan of run ${plan.runId}`, fix });
  return undefined;
}

/** The record in a run folder of any state folder. */
export function readRecordIn(runFolder: string): RunRecord | undefined {
  return goodRecord(runFolder);
}

function goodRecord(runFolder: string): RunRecord | undefined {
  const stored = recordIn(runFolder);
  return stored.kind === 'good' ? stored.value : undefined;
}

function recordIn(runFolder: string): Stored<RunRecord> {
  const stored = readStored<RunRecord>(join(runFolder, 'run.json'), recordShape);
  if (stored.kind !== 'good' || stored.value.runId === basename(runFolder)) return stored;
  return { kind: 'damaged', why: `it is the record of run ${stored.value.runId}` };
}

/** Runs whose supervisor died before they ended. */
export function deadRuns(folders: StateFolders, isAlive: IsAlive): StoredRun[] {
  return storedRuns(folders, isAlive).filter(isDead);
}

export function isDead({ record, supervised }: StoredRun): boolean {
  return !supervised && record.endedAt === undefined;
}

/** Whether a dead supervisor holds a name for a run that has no ledger: `storedRuns` may lack that run. */
export function mayLackRuns(folders: StateFolders, isAlive: IsAlive): boolean {
  return claimsIn(folders.names).some(
    ({ claim: { runId, holder, supervises } }) =>
      supervises === true && !isAlive(holder) && !existsSync(runFiles(folders, runId).ledger),
  );
}

/** All runs with a record or another trace, oldest first. Damage is reported, and hides no other run. */
export function storedRuns(folders: StateFolders, isAlive: IsAlive): StoredRun[] {
  const listed = readdirSync(folders.runs).flatMap((runId) => storedRun(folders, runId, isAlive));
  const known = new Set(listed.map(({ record }) => record.runId));
  return [...listed, ...withoutFolder(folders, known, isAlive)].toSorted(
    (a, b) => a.record.startedAt - b.record.startedAt,
  );
}

function storedRun(folders: StateFolders, runId: string, isAlive: IsAlive): StoredRun[] {
  const files = runFiles(folders, runId);
  const stored = recordIn(files.folder);
  if (stored.kind === 'good') {
    return [{ record: stored.value, files, supervised: isAlive(stored.value.supervisor) }];
  }
  // A run that is being prepared, or an unrelated file: nothing was started there.
  if (stored.kind === 'missing' && ![files.ledger, files.keeper].some((file) => existsSync(file))) return [];
  const { why, obstacle } = stored.kind === 'damaged' ? stored : { why: 'it is missing' };
  return [damagedRun(folders, files, isAlive, { file: files.run, why, obstacle })];
}

/** Runs whose folder was removed while their supervisor is running: it still holds the name of the run. */
function withoutFolder(folders: StateFolders, known: ReadonlySet<string>, isAlive: IsAlive): StoredRun[] {
  return claimsIn(folders.names).flatMap(({ claim }): StoredRun[] => {
    if (claim.supervises !== true || known.has(claim.runId) || !isAlive(claim.holder)) return [];
    // It was prepared meanwhile, or its records are being restored.
    const stored = storedRun(folders, claim.runId, isAlive);
    if (stored.length > 0) return stored;
    const files = runFiles(folders, claim.runId);
    const why = existsSync(files.folder) ? 'it is empty' : 'the folder was removed';
    return [damagedRun(folders, files, isAlive, { file: files.folder, why })];
  });
}

/** An unknown identity: no process has it. */
const nobody: Identity = { bootId: '', pid: 0, startTime: '' };

/** Whether the supervisor of a run with a damaged record is known. */
export function hasKnownSupervisor({ record }: StoredRun): boolean {
  return record.supervisor.bootId !== nobody.bootId;
}

interface RecordDamage {
  readonly file: string;
  readonly why: string;
  readonly obstacle?: Obstacle | undefined;
}

function damagedRun(
  folders: StateFolders,
  files: RunFiles,
  isAlive: IsAlive,
  { file, why, obstacle }: RecordDamage,
): StoredRun {
  const runId = basename(files.folder);
  const keeper = readKeeper(files);
  const claims = [folders.names, folders.ports, folders.gpus].flatMap((folder) =>
    claimsIn(folder).filter(({ claim }) => claim.runId === runId),
  );
  const named = claims.find(({ folder, name }) => folder === folders.names && !name.includes('.'));
  const supervisor = keeper?.supervisor ?? claims[0]?.claim.holder ?? nobody;
  // A keeper stops its run as soon as the supervisor has died.
  const supervised =
    isAlive(supervisor) || (supervisor === nobody && keeper !== undefined && isAlive(keeper));
  const name = named?.name ?? runId.replace(/-[^-]+$/, '');
  reportDamage({ file, why, fix: supervised ? `dynamo down ${runId}` : fixFor(file, obstacle, runId) });
  const made = [files.folder, ...claims.map((claim) => claim.file)].map(madeAtMs);
  const startedAt = made.find((at) => at !== undefined) ?? Date.now();
  const socket = keeper?.socket === undefined ? {} : { socket: keeper.socket };
  const record = { runId, name, startedAt, detached: true, version: 'unknown', supervisor, ...socket };
  return { record, files, supervised, damage: `${file}: ${why}` };
}

function madeAtMs(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.birthtimeMs;
}

function fixFor(file: string, obstacle: Obstacle | undefined, runId: string): string {
  if (obstacle === 'forbidden') return `ls -ld ${dirname(file)} ${file}   # shows the owners`;
  return obstacle === 'folder' ? `rm -r ${file}` : `dynamo clean   # or: dynamo down ${runId}`;
}

/** Atomic: readers see the old file or the new one. */
function writeWhole(file: string, value: unknown): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
  try {
    // A file cannot replace a folder; a folder that is not empty may be a user's, and stays.
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) rmdirSync(file);
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

export function appendEvent(files: RunFiles, ...events: readonly RunEvent[]): void {
  appendOwn(files.events, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
}

/** A truncated last line is skipped; so are other lines that are no event, which are reported. */
export function readEvents({ events: file, folder }: RunFiles): readonly RunEvent[] {
  const { values, damage } = linesOf<RunEvent>(readOwnFile(file), eventShape);
  if (damage !== undefined) {
    const fix = `rm -r ${file}   # events of run ${basename(folder)}; without them, ps and events show less`;
    reportDamage({ file, why: damage, fix });
  }
  return values;
}
