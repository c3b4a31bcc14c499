// Bundles our supervision for the bench, and the product beside it, as the keeper runs that.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const root = new URL('../../../', import.meta.url).pathname;
const outfile = `${root}dist-bench/launcher.js`;
let built;

async function buildBoth() {
  await promisify(execFile)(process.execPath, ['scripts/build.js'], { cwd: root });
  const { build } = await import('esbuild');
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  await build({
    entryPoints: [`${root}test/bench/ours/launcher.ts`],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    minifyWhitespace: true,
    minifySyntax: true,
    define: { DYNAMO_VERSION: JSON.stringify(version) },
    banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
    logLevel: 'warning',
  });
  return outfile;
}

/** Path of the program. */
export function bundle() {
  built ??= buildBoth();
  return built;
}
