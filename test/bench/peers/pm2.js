// pm2: a daemon with a separate home, as each home has its own daemon.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from './find.js';

const path = findProgram('pm2');
const environment = (folder) => ({ PM2_HOME: join(folder, 'h'), PM2_DISABLE_VERSION_CHECK: '1' });

export const pm2 = {
  name: 'pm2',
  path,
  can: ['restart'],
  note: 'a daemon; its logs go to files',
  outputFile: 'pm2.out',
  // Asking the command for it would leave a daemon running.
  version: async () => {
    const file = new URL('../package.json', `file://${realpathSync(path)}`);
    return JSON.parse(readFileSync(file, 'utf8')).version;
  },
  prepare: async ({ folder, children, stopGraceMs, onCrash }) => {
    const apps = children.map(({ name, argv }) => ({
      name,
      script: argv[0],
      args: argv.slice(1),
      interpreter: 'none',
      autorestart: onCrash === 'restart',
      kill_timeout: stopGraceMs,
      out_file: join(folder, 'pm2.out'),
      merge_logs: true,
    }));
    await writeFile(join(folder, 'eco.json'), JSON.stringify({ apps }));
    return { argv: [path, 'start', join(folder, 'eco.json')], env: environment(folder) };
  },
  // Its command exits after starting everything.
  isUp: ({ folder }) => existsSync(join(folder, 'h', 'pm2.pid')),
  supervisorPid: ({ folder }) => Number(readFileSync(join(folder, 'h', 'pm2.pid'), 'utf8')),
  stop: ({ folder }) =>
    new Promise((resolve) => {
      const env = { ...process.env, ...environment(folder) };
      spawn(path, ['kill'], { env, stdio: 'ignore' }).on('exit', resolve);
    }),
};
