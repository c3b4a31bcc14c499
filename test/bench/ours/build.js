// Bundles our supervision for the bench as the package is bundled, and `dynamo` next to it for the keeper.
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { minify, packageOptions } from '../../../scripts/bundle-options.js';
import { reachedFrom } from '../../../scripts/chunks.js';

const root = new URL('../../../', import.meta.url).pathname;
const dir = `${root}dist-bench`;
const source = `${root}test/bench/ours/launcher.ts`;
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
  return `${dir}/launcher.js`;
}

/** Path of the program. */
export function bundle() {
  built ??= buildBoth();
  return built;
}
