// Writes dist/profiles: the shipped profiles with default settings, already resolved, named by their content.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { bundleOptions } from './bundle-options.js';

export async function writeKnownProfiles(folder) {
  const { fileOfContent, workOut } = await sources();
  const shipped = resolve('launch-profiles');
  const worked = await workOut({
    cwd: resolve('.'),
    // One folder under three names counts as shipped.
    directories: { project: shipped, user: shipped, shipped },
    files: {
      list: async (directory) => await readdir(directory),
      read: async (path) => await readFile(path),
    },
  });
  await mkdir(folder, { recursive: true });
  const files = new Map(
    worked.map(({ content, known }) => [
      fileOfContent(content),
      JSON.stringify({ content: Buffer.from(content).toString(), known }),
    ]),
  );
  if (files.size < new Set(worked.map(({ content }) => Buffer.from(content).toString())).size)
    throw new Error('Two shipped profiles have one name in dist/profiles: add a comment to one of them.');
  for (const [name, text] of files) await writeFile(join(folder, name), text);
  const stale = (await readdir(folder)).filter((name) => !files.has(name));
  await Promise.all(stale.map(async (name) => await rm(join(folder, name))));
}

/** The sources are TypeScript, which not every supported Node can load. */
async function sources() {
  const { outputFiles } = await build({
    ...bundleOptions,
    stdin: {
      contents: `export { fileOfContent } from './src/deployment/load-profile.ts';
        export { workOut } from './src/profile/assemble.ts';`,
      resolveDir: '.',
    },
    format: 'esm',
    write: false,
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(process.cwd()+'/');" },
  });
  return await import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`
  );
}
