// Finds the programs that install-peers.sh installed, or those on PATH.
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'dynamo-bench');
const folders = [
  join(cache, 'bin'),
  join(cache, 'npm', 'node_modules', '.bin'),
  join(cache, 'python', 'bin'),
  ...(process.env.PATH ?? '').split(delimiter),
];

/** Path of a program, or `undefined`. */
export function findProgram(name) {
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** The first version number that it prints. */
export async function versionOf(path, args, env = {}) {
  const { stdout, stderr } = await promisify(execFile)(path, args, { env: { ...process.env, ...env } });
  return /\d+\.\d+(\.\d+)?/.exec(stdout + stderr)?.[0] ?? 'unknown';
}

/** `exec` avoids a shell between launcher and child, if the launcher uses one. */
export const shellLine = (argv) => `exec ${argv.join(' ')}`;

/** Text of a Procfile. */
export const procfile = (children) =>
  children.map(({ name, argv }) => `${name}: ${shellLine(argv)}\n`).join('');
