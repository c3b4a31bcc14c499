/** D21: models can be stored: the cache is writable, large enough, and holds no download that was given up. */
import { dirname, join } from 'node:path';
import { type Check, fail, type Finding, ok, skip, warn } from '../check.ts';
import type { HostView } from '../host-view.ts';
import { findModel, hubCache, isHubId, missingFiles, weightBytes } from '../model-files.ts';
import { readLocks } from '../proc-files.ts';
import { countText, sizeText } from '../sizes.ts';

/** Less than this holds no model of any use. */
const smallestBytes = 5 * 2 ** 30;

export const hfCache: Check = {
  id: 'D21',
  name: 'hf-cache',
  title: 'the model cache is writable and large enough',
  severity: 'fail',
  look: async (host) => {
    const { subject } = host;
    if (subject?.plan?.engine === 'sim') return skip('engine sim loads no model');
    const cache = hubCache(host);
    const model = subject?.profile.model;
    if (model !== undefined && !isHubId(model)) return skip(`${model} is a folder: the cache is not needed`);
    const standing = await nearestFolder(host, cache);
    if (!(await host.files.isWritable(standing))) {
      return fail(
        `${standing} cannot be written by this user, so ${cache} cannot be filled`,
        `sudo chown -R "$(id -u)" ${standing}   # or export HF_HOME=/a/folder/of/your/own`,
      );
    }
    return (await tooSmall(host, standing, model)) ?? (await leftovers(host, cache, standing));
  },
};

/** The folder itself, or the nearest one above it that is there. */
async function nearestFolder({ files }: HostView, folder: string): Promise<string> {
  let nearest = folder;
  while ((await files.stat(nearest)) === undefined && dirname(nearest) !== nearest)
    nearest = dirname(nearest);
  return nearest;
}

async function tooSmall(
  host: HostView,
  folder: string,
  model: string | undefined,
): Promise<Finding | undefined> {
  const space = await host.files.space(folder);
  if (space === undefined) return skip(`the file system of ${folder} cannot be measured`);
  const known = model === undefined ? undefined : await findModel(host, model);
  const complete = known !== undefined && (await missingFiles(host, known)).length === 0;
  if (complete) return undefined;
  const needed = known && (await weightBytes(host, known));
  const free = `${sizeText(space.freeBytes)} are free on the disk of ${folder}`;
  if (needed !== undefined && space.freeBytes < needed) {
    return fail(
      `${free}, ${model} needs ${sizeText(needed)}`,
      'export HF_HOME=/a/folder/on/a/larger/disk   # or free some',
    );
  }
  if (space.freeBytes < smallestBytes) {
    return warn(free, 'export HF_HOME=/a/folder/on/a/larger/disk   # or free some: hf cache rm');
  }
  return undefined;
}

/** Files of a download that nobody is at any more. */
async function leftovers(host: HostView, cache: string, standing: string): Promise<Finding> {
  const { files } = host;
  const held = new Set((await readLocks(host)).map(({ inode }) => inode));
  const repositories = (await files.list(cache)).filter((name) => name.startsWith('models--'));
  const partials: string[] = [];
  for (const repository of repositories) {
    const locks = await files.list(join(cache, '.locks', repository));
    const stats = await Promise.all(locks.map((lock) => files.stat(join(cache, '.locks', repository, lock))));
    if (stats.some((each) => each !== undefined && held.has(each.inode))) continue;
    const blobs = await files.list(join(cache, repository, 'blobs'));
    partials.push(
      ...blobs
        .filter((name) => name.endsWith('.incomplete'))
        .map((name) => join(cache, repository, 'blobs', name)),
    );
  }
  const space = await files.space(standing);
  const free = `${sizeText(space?.freeBytes ?? 0)} free`;
  if (partials.length === 0)
    return ok(`${cache}: writable, ${free}, ${countText(repositories.length, 'model')}`);
  return warn(
    `${countText(partials.length, 'download')} given up half way and take space: ${partials[0]}`,
    `rm ${partials.map((path) => `'${path}'`).join(' ')}   # or let a new download go on with them`,
    partials,
  );
}
