// Bundles the command line and the embedded engine into dist/, so that starting costs two file reads, not hundreds.
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build, context } from 'esbuild';
import { bundleOptions } from './bundle-options.js';
import { writeKnownProfiles } from './known-profiles.js';

// Each on its own: code that two of them share would be cut into small files, and Node needs half a millisecond for each.
const entries = { main: 'src/main.ts', up: 'src/up.ts', sim: 'src/sim/main.ts', library: 'src/library.ts' };
const written = await Promise.all([
  ...Object.entries(entries).map(async ([name, file]) => await bundle(name, file)),
  // A keeper runs it when everything else of the package may be gone: nothing of it is cut into a file of its own.
  bundle('reap', 'src/reap.ts', { splitting: false }),
]);

// Chunks of an earlier build go last, so that a program that is being rebuilt under our feet still finds its own.
await writeKnownProfiles('dist/profiles');
const fresh = new Set([...written.flat(), 'profiles']);
const stale = (await readdir('dist')).filter((file) => !fresh.has(file));
await Promise.all(stale.map((file) => rm(join('dist', file), { recursive: true, force: true })));

if (process.argv.includes('--watch')) {
  await Promise.all(Object.entries(entries).map(async ([name, file]) => await watch(name, file)));
  console.log('dist/ follows src/; Ctrl-C ends this');
}

function optionsOf(name, file, more) {
  return {
    ...bundleOptions,
    entryPoints: { [name]: file },
    outdir: 'dist',
    splitting: true,
    format: 'esm',
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'linked',
    metafile: true,
    ...more,
    // Bundled CommonJS packages call require() for Node's own modules.
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  };
}

async function bundle(name, file, more = {}) {
  const { metafile } = await build(optionsOf(name, file, more));
  return Object.keys(metafile.outputs).map((output) => basename(output));
}

async function watch(name, file) {
  await (await context(optionsOf(name, file, {}))).watch();
}
