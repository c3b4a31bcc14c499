// Bundles our supervision for the bench as the package is bundled, and `dynamo` next to it for the keeper.
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { minify, packageOptions } from '../../../scripts/bundle-options.js';
import { reachedFrom } from '../../../scripts/chunks.js';

const root = new URL('../../../', import.meta.url).pathname;
const dir = `${root}dist-bench`;
const source = `${root}test/bench/ours/launcher.ts`;
/** As bin/dynamo.js starts `up`: from Node 22 on with what it compiled before. */
const start = `process.getBuiltinModule('node:module').enableCompileCache?.('${dir}/compiled');
await import('./launcher.js');
`;
let built;

/** What is loaded at once stands in one file, and what is loaded later in others, as in the package. */
async function buildBoth() {
  await promisify(execFile)(process.execPath, ['scripts/build.js'], { cwd: root });
  await rm(dir, { recursive: true, force: true });
  const made = await rolldown({ ...packageOptions, input: { launcher: source } });
  let atOnce;
  const groups = [
    {
      name: (id, context) => {
        atOnce ??= reachedFrom(source, context);
        return id !== source && atOnce.has(id) ? 'at-once' : null;
      },
    },
  ];
  await made.write({
    dir,
    format: 'esm',
    codeSplitting: { groups },
    comments: { legal: true, annotation: false, jsdoc: false },
    minify,
  });
  await made.close();
  await writeFile(`${dir}/start.js`, start);
  return `${dir}/start.js`;
}

/** Path of the program. */
export function bundle() {
  built ??= buildBoth();
  return built;
}
