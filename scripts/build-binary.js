// Makes dist-binary/dynamo: this Node with the whole program and its files inside, for hosts without Node.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { bundleOptions } from './bundle-options.js';

// The mark by which Node finds out that something was injected. Source: Node's page on single executable applications.
const sentinelFuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

await mkdir('dist-binary', { recursive: true });
const work = await mkdtemp('dist-binary/build-');
try {
  const made = join(work, 'dynamo');
  await copyNode(made);
  run('node_modules/.bin/postject', made, 'NODE_SEA_BLOB', await blob(), '--sentinel-fuse', sentinelFuse);
  run(made, '--version');
  await rename(made, 'dist-binary/dynamo');
} finally {
  await rm(work, { recursive: true, force: true });
}
const { size } = await stat('dist-binary/dynamo');
console.log(`dist-binary/dynamo: ${Math.round(size / 1e6)} MB, with Node ${process.versions.node}`);

/** What the tools say is shown only when they fail. */
function run(file, ...words) {
  execFileSync(file, words, { stdio: 'pipe' });
}

async function copyNode(file) {
  const node = await readFile(process.execPath);
  if (!node.includes(sentinelFuse)) {
    throw new Error(
      `${process.execPath} keeps Node in a shared library, so nothing can be injected into it: build with a Node of nodejs.org`,
    );
  }
  await copyFile(process.execPath, file);
  await chmod(file, 0o755);
}

/** Returns the path of what is injected: program, its compiled form for a fast start, and files. */
async function blob() {
  const [main, output, config] = ['dynamo.cjs', 'blob', 'sea.json'];
  await build({
    ...bundleOptions,
    entryPoints: ['src/binary.ts'],
    outfile: join(work, main),
    format: 'cjs',
    legalComments: 'eof',
    // Node loads no compiled form of a program that calls import(); here everything is in one file anyway.
    supported: { 'dynamic-import': false },
    // Only where the package is looks at it, which the executable never asks.
    define: { ...bundleOptions.define, 'import.meta.url': 'undefined' },
  });
  const assets = await shipped();
  const settings = { main, output, disableExperimentalSEAWarning: true, useCodeCache: true, assets };
  await writeFile(join(work, config), JSON.stringify(settings));
  // From there, so that stack traces of users name dynamo.cjs, no folder of this machine.
  execFileSync(process.execPath, ['--experimental-sea-config', config], { cwd: work, stdio: 'pipe' });
  return join(work, output);
}

/** The files that ship, by their path in the package, and the list of them that src/package/self.ts reads. */
async function shipped() {
  const files = (await Promise.all(['assets', 'launch-profiles'].map(filesBelow))).flat().toSorted();
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(await readFile(file))
      .update('\0');
  const list = join(work, 'shipped.json');
  await writeFile(list, JSON.stringify({ digest: hash.digest('hex').slice(0, 16), files }));
  const places = [...files.map((file) => [file, resolve(file)]), ['shipped.json', resolve(list)]];
  return Object.fromEntries(places);
}

async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
