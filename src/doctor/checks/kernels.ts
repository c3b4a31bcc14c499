/** D37: the compiled kernels that runs keep, by version and GPU. */
import { join } from 'node:path';
import { countText, diskText } from '../../base/units.ts';
import { kernelsFolder } from '../../plan/kernel-cache.ts';
import { type Check, ok, skip, warn } from '../check.ts';
import type { HostFiles } from '../host-view.ts';

/** Beyond this, much of it is of versions and models that nobody starts any more. */
const manyBytes = 20e9;
/** A large model has some 10,000 files; beyond this, the rest is not counted. */
const mostFiles = 50_000;

export const kernels: Check = {
  id: 'D37',
  name: 'kernels',
  title: 'compiled kernels do not fill the disk',
  severity: 'warn',
  look: async ({ environment, home, files }) => {
    const root = kernelsFolder({ HOME: home, ...environment });
    if (root === undefined) return skip('this user has no home folder');
    const caches: Cache[] = [];
    for (const version of await files.list(root))
      for (const gpu of await files.list(join(root, version)))
        caches.push({ name: `${version}/${gpu}`, ...(await measure(files, join(root, version, gpu))) });
    if (caches.length === 0) return ok(`none yet in ${root}`);
    const bytes = caches.reduce((sum, each) => sum + each.bytes, 0);
    const seen = `${diskText(bytes)} in ${root}`;
    const lines = caches.map(lineOf);
    return bytes > manyBytes
      ? warn(seen, 'dynamo clean --caches   # the next start compiles again', lines)
      : ok(seen, lines);
  },
};

interface Cache extends Size {
  readonly name: string;
}

interface Size {
  readonly files: number;
  readonly bytes: number;
  readonly writtenMs: number;
}

function lineOf({ name, files, bytes, writtenMs }: Cache): string {
  if (files === 0) return `${name}: empty`;
  const count = files >= mostFiles ? `more than ${mostFiles} files` : countText(files, 'file');
  return `${name}: ${diskText(bytes)} in ${count}, last written ${new Date(writtenMs).toISOString().slice(0, 10)}`;
}

async function measure(files: HostFiles, folder: string): Promise<Size> {
  const open = [folder];
  let size: Size = { files: 0, bytes: 0, writtenMs: 0 };
  for (let path = open.pop(); path !== undefined && size.files < mostFiles; path = open.pop()) {
    const facts = await files.stat(path);
    if (facts === undefined) continue;
    if (facts.isFolder) {
      for (const name of await files.list(path)) open.push(join(path, name));
      continue;
    }
    size = {
      files: size.files + 1,
      bytes: size.bytes + facts.sizeBytes,
      writtenMs: Math.max(size.writtenMs, facts.modifiedMs),
    };
  }
  return size;
}
