// supervisord: stops whole groups; without stopasgroup it would signal leaders only.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, versionOf } from './find.js';

const path = findProgram('supervisord');

const section = ({ name, argv }, { stopGraceMs, onCrash }) => `
[program:${name}]
command=${argv.join(' ')}
startsecs=0
autorestart=${onCrash === 'restart'}
stopwaitsecs=${Math.ceil(stopGraceMs / 1000)}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0
`;

export const supervisord = {
  name: 'supervisord',
  path,
  can: ['restart'],
  version: () => versionOf(path, ['--version']),
  prepare: async (plan) => {
    const { folder, children } = plan;
    const head = `[supervisord]\nnodaemon=true\nlogfile=${folder}/s.log\npidfile=${folder}/s.pid\nchildlogdir=${folder}\n`;
    const user = process.getuid() === 0 ? 'user=root\n' : '';
    await writeFile(
      join(folder, 's.conf'),
      head + user + children.map((child) => section(child, plan)).join(''),
    );
    return { argv: [path, '-n', '-s', '-c', join(folder, 's.conf')] };
  },
};
