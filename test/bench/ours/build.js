// Bundles our supervision for the bench, and `dynamo` next to it for the keeper.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { bundleOptions } from '../../../scripts/bundle-options.js';

const root = new URL('../../../', import.meta.url).pathname;
const outfile = `${root}dist-bench/launcher.js`;
let built;

async function buildBoth() {
  await promisify(execFile)(process.execPath, ['scripts/build.js'], { cwd: root });
  const { build } = await import('esbuild');
  await build({
    ...bundleOptions,
    entryPoints: [`${root}test/bench/ours/launcher.ts`],
    outfile,
    format: 'esm',
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
  });
  return outfile;
}

/** Path of the program. */
export function bundle() {
  built ??= buildBoth();
  return built;
}
