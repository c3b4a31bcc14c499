// Builds the page of `dynamo ui` for browsers: one script and one style sheet, with everything that they need.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, context } from 'esbuild';

const options = (folder) => ({
  entryPoints: [
    { in: 'src/page/main.tsx', out: 'page' },
    { in: 'src/page/page.css', out: 'page' },
  ],
  outdir: folder,
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  // Browsers of the last two years.
  target: ['chrome123', 'firefox120', 'safari17.5'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'eof',
  logLevel: 'warning',
});

/** Into `folder`, which is made. */
export async function buildPage(folder) {
  await copyStatic(folder);
  await build(options(folder));
}

/** The files that the page is made of, by path: those of packages, too. */
export async function pageSources() {
  const { metafile } = await build({ ...options('dist/page'), metafile: true, write: false });
  return Object.keys(metafile.inputs);
}

export async function watchPage(folder) {
  await copyStatic(folder);
  await (await context(options(folder))).watch();
}

async function copyStatic(folder) {
  await mkdir(folder, { recursive: true });
  await copyFile('src/page/icon.svg', join(folder, 'icon.svg'));
  await writeFile(join(folder, 'index.html'), html);
}

const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>dynamo</title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="page.css">
<body>
<div id="page"></div>
<noscript>This page needs JavaScript. Without it: dynamo ps, dynamo logs.</noscript>
<script type="module" src="page.js"></script>
`;
