// Bundles the command line, the embedded engine and the library into dist/, so that a start reads few files.
// --watch: builds again whenever a source changes. --keep: leaves files of earlier builds, for what may still run them.
import { mkdir, mkdtemp, readdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { rolldown, watch } from 'rolldown';
import { minify, packageOptions } from './bundle-options.js';
import { chunks, entries } from './chunks.js';
import { writeKnownProfiles } from './known-profiles.js';
import { buildPage, watchPage } from './page.js';

const output = {
  format: 'esm',
  sourcemap: true,
  sourcemapExcludeSources: true,
  entryFileNames: '[name].js',
  comments: { legal: true, annotation: false, jsdoc: false },
  minify,
  minifyInternalExports: false,
};

const isEntry = (file) => Object.keys(entries).includes(file.replace(/\.js$/, ''));
const programs = { ...packageOptions, input: entries };
// A single file without chunks: the keeper runs it when the rest of the package may be gone.
const reap = { ...packageOptions, input: { reap: 'src/reap.ts' } };

if (process.argv.includes('--watch')) {
  watch([
    { ...programs, output: { ...output, ...chunks(), dir: 'dist' } },
    { ...reap, output: { ...output, codeSplitting: false, dir: 'dist' } },
  ]);
  await watchPage('dist/page');
  console.log('Watching src/ and rebuilding dist/. Press Ctrl-C to stop.');
} else {
  await build();
}

/** Into a folder of its own first: a program that starts meanwhile sees whole files only. */
async function build() {
  const begun = new Date();
  await mkdir('dist', { recursive: true });
  // Beside dist/, so that source maps name the same relative paths.
  const made = await mkdtemp('dist-');
  try {
    await write(programs, { ...output, ...chunks(), dir: made });
    await write(reap, { ...output, codeSplitting: false, dir: made });
    await writeKnownProfiles(join(made, 'profiles'));
    await buildPage(join(made, 'page'));
    // A source that changed since is newer than the build.
    await utimes(join(made, 'main.js'), begun, begun);
    await bringOver(made, 'dist');
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

async function write(input, outputOptions) {
  const bundle = await rolldown(input);
  await bundle.write(outputOptions);
  await bundle.close();
}

/** What others import comes before who imports it, and stale files go last. */
async function bringOver(from, to) {
  const files = await filesBelow(from);
  for (const file of files.toSorted((a, b) => Number(isEntry(a)) - Number(isEntry(b)))) {
    await mkdir(join(to, file, '..'), { recursive: true });
    await rename(join(from, file), join(to, file));
  }
  if (process.argv.includes('--keep')) return;
  const stale = (await filesBelow(to)).filter((file) => !files.includes(file));
  for (const file of stale) await rm(join(to, file));
}

async function filesBelow(folder) {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
}
