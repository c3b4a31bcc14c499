/** Whether there is room for an environment, asked before anything is downloaded. */
import { existsSync, statSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { homedir } from 'node:os';

/** What `statfs` of Node says, as far as it counts here. */
export type StatFs = (path: string) => Promise<{ readonly bavail: number; readonly bsize: number }>;

export interface DiskSpace {
  /** The nearest folder that exists. */
  readonly folder: string;
  readonly freeBytes: number;
}

/**
 * The file system with the least room of those that are written: that of the environment, and that of the installer's
 * cache, from which files are linked where both are one, and copied where not.
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

/** Bytes of all files below a folder, each as if it were here alone: many are links into the installer's cache. */
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
