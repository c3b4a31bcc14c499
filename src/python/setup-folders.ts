/** Folders that `dynamo setup` makes: where they are, what is written down in each, and whether the disk has room. */
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { xdgFolder } from '../base/xdg.ts';
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import type { Recipe } from './recipe.ts';
import { lstat, readdir } from 'node:fs/promises';

export interface DataFolders {
  readonly data: string;
  /** One folder per Python environment, named `<engine>-<version>` or `<tool>-<version>`. */
  readonly environments: string;
  /** `bin/etcd` and `bin/nats-server`, once `dynamo setup --infra` has run. */
  readonly infra: string;
  /** The installer, if this host has none. */
  readonly tools: string;
  /** Output of installers, one file per set-up; kept even if the installation failed. */
  readonly logs: string;
}

/** Below `$XDG_DATA_HOME/dynamo`, or `~/.local/share/dynamo`. Creates nothing. */
export function dataFolders(environment: Readonly<Record<string, string | undefined>>): DataFolders {
  const home = environment.HOME || homedir();
  const data = join(xdgFolder(environment, 'XDG_DATA_HOME') ?? join(home, '.local', 'share'), 'dynamo');
  return {
    data,
    environments: join(data, 'envs'),
    infra: join(data, 'infra'),
    tools: join(data, 'tools'),
    logs: join(data, 'logs'),
  };
}

export interface SetupRecord {
  readonly state: 'unfinished' | 'complete';
  /** What it holds: an engine, a tool, or etcd and NATS. */
  readonly engine: Recipe['holds'] | 'infra';
  readonly version: string;
  /** Exactly what is installed; a different recipe for the same name reinstalls it. */
  readonly requirements: readonly string[];
  readonly overrides: readonly string[];
  readonly pythonVersion?: string | undefined;
  readonly bytes?: number | undefined;
  readonly tookMs?: number | undefined;
}

const fileName = 'dynamo-setup.json';

/** `undefined` for a folder that `dynamo setup` did not create. Without `complete` in it, it is never used. */
export function readSetupRecord(folder: string): SetupRecord | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(folder, fileName), 'utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Atomic: readers see the old record or the new one. */
export function writeSetupRecord(folder: string, record: SetupRecord): void {
  const draft = join(folder, `${fileName}.${process.pid}`);
  writeFileSync(draft, `${JSON.stringify(record, undefined, 2)}\n`);
  renameSync(draft, join(folder, fileName));
}

/** Folders below `environments`, each with its record; including unfinished ones. */
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

/** The part of Node's `statfs` that is used here. */
export type StatFs = (path: string) => Promise<{ readonly bavail: number; readonly bsize: number }>;

interface DiskSpace {
  /** The nearest folder that exists. */
  readonly folder: string;
  readonly freeBytes: number;
}

/**
 * The file system with the least free space, of those that are written to: that of the environment, and that of the installer's
 * cache, from which files are linked if both are the same, and copied otherwise.
 */
export async function leastSpace(folders: readonly string[], statFs: StatFs): Promise<DiskSpace> {
  const spaces = await Promise.all(
    folders.map(nearestExisting).map(async (folder) => {
      const { bavail, bsize } = await statFs(folder);
      return { folder, freeBytes: bavail * bsize };
    }),
  );
  return spaces.reduce((least, each) => (each.freeBytes < least.freeBytes ? each : least));
}

/** Source: documentation of uv, "Caching". */
export function installerCache(environment: Readonly<Record<string, string | undefined>>): string {
  const cache = environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), '.cache');
  return environment.UV_CACHE_DIR || join(cache, 'uv');
}

/** Bytes of all files below a folder, including hard links to the installer's cache. */
export async function folderSize(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true });
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? await folderSize(path) : (await lstat(path)).size;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function nearestExisting(folder: string): string {
  if (existsSync(folder) && statSync(folder).isDirectory()) return folder;
  return dirname(folder) === folder ? folder : nearestExisting(dirname(folder));
}
