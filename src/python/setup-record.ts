/** What `dynamo setup` writes into an environment that it makes; without `complete` in it, it is never taken for whole. */
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { UpstreamName } from '../engine/engines.ts';

export interface SetupRecord {
  readonly state: 'unfinished' | 'complete';
  readonly engine: UpstreamName | 'infra';
  readonly version: string;
  /** Exactly what is installed; another recipe for the same name makes it anew. */
  readonly requirements: readonly string[];
  readonly overrides: readonly string[];
  readonly pythonVersion?: string | undefined;
  readonly bytes?: number | undefined;
  readonly tookMs?: number | undefined;
}

const fileName = 'dynamo-setup.json';

/** `undefined` for a folder that `dynamo setup` did not make. */
export function readSetupRecord(folder: string): SetupRecord | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(folder, fileName), 'utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** In one step: a reader sees the record before or the one after. */
export function writeSetupRecord(folder: string, record: SetupRecord): void {
  const draft = join(folder, `${fileName}.${process.pid}`);
  writeFileSync(draft, `${JSON.stringify(record, undefined, 2)}\n`);
  renameSync(draft, join(folder, fileName));
}

/** Folders below `environments`, each with its record; unfinished ones too. */
export function listSetups(environments: string): { folder: string; name: string; record: SetupRecord }[] {
  return listFolder(environments).flatMap((name) => {
    const folder = join(environments, name);
    const record = readSetupRecord(folder);
    return record === undefined ? [] : [{ folder, name, record }];
  });
}

function isRecord(value: unknown): value is SetupRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { state, engine, version } = value as Partial<SetupRecord>;
  return (state === 'unfinished' || state === 'complete') && engine !== undefined && version !== undefined;
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}
