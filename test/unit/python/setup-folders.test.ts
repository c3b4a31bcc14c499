/** Disk space, from the nearest folder that exists. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folderSize, installerCache, leastSpace } from '../../../src/python/setup-folders.ts';
import { tempFolder } from '../../support/temp-folder.ts';

test('the smaller of two file systems counts, and folders may not exist yet', async () => {
  const [data, cache] = [tempFolder(), tempFolder()];
  const statFs = async (path: string) => ({ bavail: path === cache ? 5 : 1_000, bsize: 4_096 });
  expect(await leastSpace([join(data, 'a/b'), join(cache, 'uv')], statFs)).toEqual({
    folder: cache,
    freeBytes: 20_480,
  });
});

test('the cache is where uv keeps it', () => {
  expect(installerCache({ HOME: '/h' })).toBe('/h/.cache/uv');
  expect(installerCache({ HOME: '/h', XDG_CACHE_HOME: '/c' })).toBe('/c/uv');
  expect(installerCache({ HOME: '/h', XDG_CACHE_HOME: '/c', UV_CACHE_DIR: '/u' })).toBe('/u');
});

test('the size of a folder is that of all files below it', async () => {
  const folder = tempFolder();
  mkdirSync(join(folder, 'a/b'), { recursive: true });
  writeFileSync(join(folder, 'one'), 'x'.repeat(10));
  writeFileSync(join(folder, 'a/b/two'), 'x'.repeat(32));
  expect(await folderSize(folder)).toBe(42);
});
