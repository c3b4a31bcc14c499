/** `dynamo clean --caches`: removes the compiled kernels that runs have kept, after asking. */
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../base/environment.ts';
import { DynamoError } from '../../base/error.ts';
import { countText, diskText } from '../../base/units.ts';
import { kernelsFolder } from '../../plan/kernel-cache.ts';
import { isAlive } from '../../process/identity.ts';
import type { StateFolders } from '../../run/folders.ts';
import { bytesIn } from '../../run/load-watch.ts';
import { readPlan, storedRuns } from '../../run/record.ts';
import { homePath } from '../../view/style.ts';

export interface KernelCacheFolder {
  /** `sglang-1.4.2/nvidia-h200`. */
  readonly name: string;
  readonly folder: string;
  readonly bytes: number;
  /** Name of a run that is up and uses it: it stays. */
  readonly usedBy?: string;
}

/** What runs of ours name: `sglang-1.4.2`, `sglang-1.1.1-image`. Another folder there is somebody else's. */
const versionFolder = /^[a-z]+-\d+\.\d+[\w.]*(?:-image)?$/;

export function kernelCachesHere(environment: Environment, folders: StateFolders): KernelCacheFolder[] {
  const root = kernelsFolder(environment);
  if (root === undefined || !isOurs(root)) return [];
  const used = usedFolders(folders);
  const found = readdirSync(root)
    .filter((version) => versionFolder.test(version) && isOurs(join(root, version)))
    .flatMap((version) => readdirSync(join(root, version)).map((gpu) => `${version}/${gpu}`))
    .filter((name) => isOurs(join(root, name)))
    .toSorted();
  return found.map((name): KernelCacheFolder => {
    const folder = join(root, name);
    const usedBy = used.get(folder);
    return { name, folder, bytes: bytesIn(folder), ...(usedBy === undefined ? {} : { usedBy }) };
  });
}

/** A folder of this user; a link could lead anywhere. */
function isOurs(path: string): boolean {
  if (!existsSync(path)) return false;
  const facts = lstatSync(path);
  return facts.isDirectory() && facts.uid === process.getuid?.();
}

function usedFolders(folders: StateFolders): Map<string, string> {
  const live = storedRuns(folders, isAlive).filter(({ supervised }) => supervised);
  return new Map(
    live.flatMap(({ record, files }) =>
      (readPlan(files)?.processes ?? []).flatMap(({ kernelFolder }): [string, string][] =>
        kernelFolder === undefined ? [] : [[kernelFolder, record.name]],
      ),
    ),
  );
}

/** One line a folder, and what happens to it. */
export function cachesText(caches: readonly KernelCacheFolder[], dryRun: boolean): string {
  if (caches.length === 0) return 'No compiled kernels are kept.\n';
  const lines = caches.map(
    ({ folder, bytes, usedBy }) =>
      `  ${homePath(folder)}  ${diskText(bytes)}${usedBy === undefined ? '' : `  stays: ${usedBy} uses it`}`,
  );
  return [dryRun ? 'Would remove compiled kernels:' : 'Compiled kernels:', ...lines, ''].join('\n');
}

/** Throws what `confirm` throws. Returns what was removed. */
export async function removeCaches(
  caches: readonly KernelCacheFolder[],
  confirm: (question: Question) => Promise<void>,
): Promise<KernelCacheFolder[]> {
  const unused = caches.filter(({ usedBy }) => usedBy === undefined);
  if (unused.length === 0) return [];
  const bytes = unused.reduce((sum, each) => sum + each.bytes, 0);
  const wanted = `remove ${unused.length}`;
  await confirm({
    option: '--caches',
    wanted,
    question: `Type "${wanted}" to remove ${countText(unused.length, 'folder')} (${diskText(bytes)}); the next start compiles again: `,
  });
  for (const { folder } of unused) {
    await rm(folder, { recursive: true, force: true }).catch((error: unknown) => {
      throw new DynamoError('cannot-write', `${folder} could not be removed: ${String(error)}.`, {
        hint: `ls -la ${folder}`,
        fields: { file: folder },
      });
    });
  }
  return unused;
}

export interface Question {
  readonly option: '--caches' | '--all-gpu-processes';
  /** What the user must type. */
  readonly wanted: string;
  readonly question: string;
}
