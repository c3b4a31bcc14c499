// overmind: a Procfile, every process in a tmux pane; any exit stops all, or -r restarts.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, procfile, versionOf } from './find.js';

const path = findProgram('tmux') && findProgram('overmind');

export const overmind = {
  name: 'overmind',
  path,
  missing: findProgram('tmux') === undefined ? 'tmux is not installed' : undefined,
  can: ['restart', 'teardown'],
  version: () => versionOf(path, ['--version']),
  prepare: async ({ folder, children, stopGraceMs, onCrash }) => {
    await writeFile(join(folder, 'Procfile'), procfile(children));
    const grace = String(Math.ceil(stopGraceMs / 1000));
    const restart = onCrash === 'restart' ? ['-r', 'all'] : [];
    const argv = [path, 'start', '-N', '-f', join(folder, 'Procfile'), '-s', join(folder, 's'), '-t', grace];
    // A separate tmux: the user's is left alone.
    return { argv: [...argv, ...restart], env: { TMUX_TMPDIR: folder, TMUX: '' } };
  },
};
