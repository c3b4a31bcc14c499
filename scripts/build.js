// Bundles the command line and the embedded engine into dist/, so that starting costs two file reads, not hundreds.
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { bundleOptions } from './bundle-options.js';

const { metafile } = await build({
  ...bundleOptions,
  entryPoints: { main: 'src/main.ts', sim: 'src/sim/main.ts', library: 'src/library.ts' },
  outdir: 'dist',
  splitting: true,
  format: 'esm',
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'linked',
  metafile: true,
  // Bundled CommonJS packages call require() for Node's own modules.
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
});

// Chunks of an earlier build go last, so that a program that is being rebuilt under our feet still finds its own.
const fresh = new Set(Object.keys(metafile.outputs).map((file) => basename(file)));
const stale = (await readdir('dist')).filter((file) => !fresh.has(file));
await Promise.all(stale.map((file) => rm(join('dist', file), { recursive: true, force: true })));
