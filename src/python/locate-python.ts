/** From what a user or a PATH names to the interpreter and the folder of its environment. */
import type { Environment } from '../base/environment.ts';
import { readFileSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { isExecutable } from '../host/program.ts';
import { interpreterIn } from './read-environment.ts';

export interface Located {
  readonly folder: string;
  readonly python: string;
}

/** An environment's folder, the path of an interpreter, or a command on PATH such as python3.12. */
export function locatePython(named: string, environment: Environment): Located | undefined {
  if (!named.includes('/')) {
    const onPath = locateOnPath(named, environment);
    if (onPath !== undefined) return onPath;
  }
  const path = resolve(named);
  return isFolder(path) ? inFolder(path) : isExecutable(path) ? ofInterpreter(path) : undefined;
}

export function inFolder(folder: string): Located | undefined {
  const python = interpreterIn(folder);
  return python === undefined ? undefined : { folder, python };
}

export function locateOnPath(command: string, environment: Environment): Located | undefined {
  for (const folder of (environment.PATH ?? '').split(delimiter)) {
    const file = join(folder, command);
    if (folder !== '' && isExecutable(file)) return behindShim(file, environment) ?? ofInterpreter(file);
  }
  return undefined;
}

/** The folder decides, not what the link leads to: in a virtual environment it leads out of it. */
function ofInterpreter(python: string): Located {
  return { folder: dirname(dirname(python)), python };
}

/** pyenv puts a script on PATH that starts the Python of PYENV_VERSION, or else of its file `version`. */
function behindShim(file: string, environment: Environment): Located | undefined {
  const shims = dirname(file);
  if (basename(shims) !== 'shims') return undefined;
  const root = dirname(shims);
  const chosen = environment.PYENV_VERSION ?? readText(join(root, 'version'));
  const version = chosen?.split(/[:\n]/, 1)[0]?.trim();
  return version === undefined || version === '' ? undefined : inFolder(join(root, 'versions', version));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
