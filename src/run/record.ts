/** What is written down about a run before anything starts: who supervises it, and since when. */
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Identity, IsAlive } from '../base/identity.ts';
import type { Plan } from '../plan/plan.ts';
import { type RunFiles, runFiles, type StateFolders } from './folders.ts';

export interface RunRecord {
  readonly runId: string;
  readonly name: string;
  readonly startedAt: number;
  readonly detached: boolean;
  readonly version: string;
  readonly supervisor: Identity;
  /** Set when everything is gone and tidied up; a run without it whose supervisor is dead has to be reaped. */
  readonly endedAt?: number;
  /** Why an etcd of others did not let us remove the keys of the run. */
  readonly unswept?: string;
}

export interface StoredRun {
  readonly record: RunRecord;
  readonly files: RunFiles;
  /** True while the process that supervises it lives. */
  readonly supervised: boolean;
}

export function writeRecord(files: RunFiles, record: RunRecord): void {
  writeWhole(files.run, record);
}

export function markEnded(files: RunFiles): void {
  const record = readJson(files.run) as RunRecord | undefined;
  if (record !== undefined) writeRecord(files, { ...record, endedAt: Date.now() });
}

/** `unswept`: as in the record; `undefined` when nothing is left there. */
export function markSwept(files: RunFiles, unswept: string | undefined): void {
  const record = readJson(files.run) as RunRecord | undefined;
  if (record === undefined || record.unswept === unswept) return;
  const { unswept: _, ...rest } = record;
  writeRecord(files, unswept === undefined ? rest : { ...rest, unswept });
}

export function writePlan(files: RunFiles, plan: Plan): void {
  writeWhole(files.plan, plan);
}

export function writeKeeper(files: RunFiles, keeper: Identity): void {
  writeWhole(files.keeper, keeper);
}

export function readKeeper(files: RunFiles): Identity | undefined {
  return readJson(files.keeper) as Identity | undefined;
}

/** `undefined` when the file is missing or was never finished. */
export function readPlan(files: RunFiles): Plan | undefined {
  return readJson(files.plan) as Plan | undefined;
}

/** The record in a folder of any state folder. */
export function readRecordIn(runFolder: string): RunRecord | undefined {
  return readJson(join(runFolder, 'run.json')) as RunRecord | undefined;
}

/** Runs whose supervisor is gone without having ended them. */
export function deadRuns(folders: StateFolders, isAlive: IsAlive): StoredRun[] {
  return storedRuns(folders, isAlive).filter(
    ({ record, supervised }) => !supervised && record.endedAt === undefined,
  );
}

/** All runs that left a record, oldest first. */
export function storedRuns(folders: StateFolders, isAlive: IsAlive): StoredRun[] {
  return readdirSync(folders.runs)
    .flatMap((runId) => {
      const files = runFiles(folders, runId);
      const record = readJson(files.run) as RunRecord | undefined;
      return record === undefined ? [] : [{ record, files, supervised: isAlive(record.supervisor) }];
    })
    .toSorted((a, b) => a.record.startedAt - b.record.startedAt);
}

/** Another process sees the old file or the new one, never half of one. */
function writeWhole(file: string, value: unknown): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
