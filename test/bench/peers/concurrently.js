// concurrently: commands as arguments, each in a shell; its kill time-out does not apply to signals that it forwards.
import { findProgram, shellLine, versionOf } from './find.js';

const path = findProgram('concurrently');

export const concurrently = {
  name: 'concurrently',
  path,
  can: ['restart', 'teardown'],
  note: 'no SIGKILL after a signal',
  version: () => versionOf(path, ['--version']),
  prepare: async ({ children, stopGraceMs, onCrash }) => {
    const policy = { stay: [], restart: ['--restart-tries', '-1'], teardown: ['--kill-others'] }[onCrash];
    const names = children.map(({ name }) => name).join(',');
    const argv = [path, '-n', names, '--kill-timeout', String(stopGraceMs), ...policy];
    return { argv: [...argv, ...children.map(({ argv: words }) => shellLine(words))] };
  },
};
