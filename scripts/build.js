// Bundles the command line, the embedded engine and the library into dist/, so that a start reads few files.
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build, context } from 'esbuild';
import { bundleOptions } from './bundle-options.js';
import { writeKnownProfiles } from './known-profiles.js';

// Each on its own: code that two of them share would be cut into small files, and Node needs half a millisecond for each.
const entries = { main: 'src/main.ts', up: 'src/up.ts', sim: 'src/sim/main.ts', library: 'src/library.ts' };
const written = await Promise.all([
  ...Object.entries(entries).map(async ([name, file]) => await bundle(name, file)),
  // A single file without chunks: the keeper runs it when the rest of the package may be gone.
  bundle('reap', 'src/reap.ts', { splitting: false }),
]);

// Stale chunks are removed last, so that a program that runs during a rebuild still finds its own.
await writeKnownProfiles('dist/profiles');
const fresh = new Set([...written.flat(), 'profiles']);
const stale = (await readdir('dist')).filter((file) => !fresh.has(file));
await Promise.all(stale.map((file) => rm(join('dist', file), { recursive: true, force: true })));

if (process.argv.includes('--watch')) {
  await Promise.all(Object.entries(entries).map(async ([name, file]) => await watch(name, file)));
  console.log('Watching src/ and rebuilding dist/. Press Ctrl-C to stop.');
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
    // Bundled CommonJS packages call require() for Node's built-in modules.
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
