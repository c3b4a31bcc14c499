// Bundles the command line and the embedded engine into dist/, so that starting costs two file reads, not hundreds.
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const { version } = JSON.parse(await readFile('package.json', 'utf8'));

// Parts of dockerode that are never used, as endpoints over ssh:// are refused and nothing is built with BuildKit.
const unusedPackages = /^(ssh2|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs|tar-fs)(\/|$)/;
const withoutUnused = {
  name: 'without-unused',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: unusedPackages }, ({ path }) => ({ path, namespace: 'unused' }));
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
  },
};

const { metafile } = await build({
  entryPoints: { main: 'src/main.ts', sim: 'src/sim/main.ts', library: 'src/library.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Names stay readable in stack traces: only whitespace and syntax are squeezed.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'linked',
  metafile: true,
  define: { DYNAMO_VERSION: JSON.stringify(version) },
  // Bundled CommonJS packages call require() for Node's own modules.
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  logLevel: 'warning',
  plugins: [withoutUnused],
});

// Chunks of an earlier build go last, so that a program that is being rebuilt under our feet still finds its own.
const fresh = new Set(Object.keys(metafile.outputs).map((file) => basename(file)));
const stale = (await readdir('dist')).filter((file) => !fresh.has(file));
await Promise.all(stale.map((file) => rm(join('dist', file), { recursive: true, force: true })));
