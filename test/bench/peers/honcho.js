// honcho: a Procfile; the first exit stops all. It has no restart, and its grace is fixed at 5 s.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, procfile, versionOf } from './find.js';

const path = findProgram('honcho');

export const honcho = {
  name: 'honcho',
  path,
  can: ['teardown'],
  note: 'grace fixed at 5 s',
  version: () => versionOf(path, ['--version']),
  prepare: async ({ folder, children }) => {
    await writeFile(join(folder, 'Procfile'), procfile(children));
    return { argv: [path, 'start', '-f', join(folder, 'Procfile')] };
  },
};
