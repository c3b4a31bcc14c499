// hivemind: a Procfile; any exit stops all. It has no restart.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, procfile, versionOf } from './find.js';

const path = findProgram('hivemind');

export const hivemind = {
  name: 'hivemind',
  path,
  can: ['teardown'],
  version: () => versionOf(path, ['--version']),
  prepare: async ({ folder, children, stopGraceMs }) => {
    await writeFile(join(folder, 'Procfile'), procfile(children));
    const grace = String(Math.ceil(stopGraceMs / 1000));
    return { argv: [path, '--timeout', grace, join(folder, 'Procfile')] };
  },
};
