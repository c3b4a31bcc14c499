// Builds dist-binary/dynamo, a single executable with Node, program and files, for hosts without Node.
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
import { buildPage } from './page.js';

// How Node detects an injected program. Source: Node's documentation of single executable applications.
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

/** Shows the output of a tool only if it fails. */
function run(file, ...words) {
  execFileSync(file, words, { stdio: 'pipe' });
}

async function copyNode(file) {
  const node = await readFile(process.execPath);
  if (!node.includes(sentinelFuse)) {
    throw new Error(
      `${process.execPath} uses a shared libnode, so nothing can be injected into it: build with Node from nodejs.org`,
    );
  }
  await copyFile(process.execPath, file);
  await chmod(file, 0o755);
}

/** Returns the path of the blob to inject: program, code cache for a fast start, and files. */
async function blob() {
  const [main, output, config] = ['dynamo.cjs', 'blob', 'sea.json'];
  await build({
    ...bundleOptions,
    entryPoints: ['src/binary.ts'],
    outfile: join(work, main),
    format: 'cjs',
    legalComments: 'eof',
    // Node's code cache does not support import(); here everything is in one file anyway.
    supported: { 'dynamic-import': false },
    // Only used to locate the package, which the executable never does.
    define: { ...bundleOptions.define, 'import.meta.url': 'undefined' },
  });
  const assets = await shipped();
  const settings = { main, output, disableExperimentalSEAWarning: true, useCodeCache: true, assets };
  await writeFile(join(work, config), JSON.stringify(settings));
  // Run in that folder, so that stack traces say dynamo.cjs instead of a path of this machine.
  execFileSync(process.execPath, ['--experimental-sea-config', config], { cwd: work, stdio: 'pipe' });
  return join(work, output);
}

/** The shipped files by their path in the package, and their list, which src/package/self.ts reads. */
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
  const places = [
    ...files.map((file) => [file, resolve(file)]),
    ['shipped.json', resolve(list)],
    ...(await pageFiles()),
  ];
  return Object.fromEntries(places);
}

/** Served from inside the executable, never unpacked. */
async function pageFiles() {
  const folder = join(work, 'page');
  await buildPage(folder);
  return (await readdir(folder)).map((file) => [`page/${file}`, resolve(folder, file)]);
}

async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
