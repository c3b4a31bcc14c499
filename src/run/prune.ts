/** Folders of runs that have ended, which nobody looks at any more. */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { runFiles, type StateFolders } from './folders.ts';
import type { StoredRun } from './record.ts';

/** Logs of a failed run are wanted the day after, not the week after. */
export const keptMs = 7 * 24 * 3_600_000;

export interface PrunableRun {
  readonly runId: string;
  readonly folder: string;
  readonly proof: string;
}

/** `olderThanMs`: since they ended. Also folders in which no run was ever written down. */
export function prunableRuns(
  folders: StateFolders,
  runs: readonly StoredRun[],
  olderThanMs: number,
  now: number,
): PrunableRun[] {
  const recorded = new Set(runs.map(({ record }) => record.runId));
  const ended = runs.flatMap(({ record, files, supervised, damage }): PrunableRun[] => {
    // What nobody knows the end of may live.
    if (damage !== undefined) return [];
    const { endedAt, runId, unswept } = record;
    if (endedAt === undefined || unswept !== undefined || supervised || now - endedAt < olderThanMs)
      return [];
    return [{ runId, folder: files.folder, proof: `it ended on ${dateText(endedAt)}` }];
  });
  const nameless = readdirSync(folders.runs)
    .filter((runId) => !recorded.has(runId))
    .flatMap((runId): PrunableRun[] => {
      const { folder } = runFiles(folders, runId);
      const stat = statSync(folder, { throwIfNoEntry: false });
      // A stray file is no folder of a run.
      if (stat?.isDirectory() !== true) return [];
      const { mtimeMs } = stat;
      // Whatever is asked for: one that is being prepared has no record yet.
      if (now - mtimeMs < Math.max(olderThanMs, keptMs)) return [];
      return [{ runId, folder, proof: `no run was written down in it since ${dateText(mtimeMs)}` }];
    });
  return [...ended, ...nameless];
}

/** Pictures and videos that a run made are the user's: a folder with any stays as it is. */
export function holdsMedia({ folder }: PrunableRun): boolean {
  try {
    return readdirSync(join(folder, 'media')).length > 0;
  } catch {
    return false;
  }
}

export function pruneRun({ folder }: PrunableRun): void {
  rmSync(folder, { recursive: true, force: true });
}

function dateText(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ');
}
