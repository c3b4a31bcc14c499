/** Locates Python environments, and reads their versions from the package folders: running Python takes seconds. */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { backends } from '../engine/engines.ts';
import type { Environment } from '../base/environment.ts';
import { isExecutable } from '../host/program.ts';

export interface Installed {
  readonly folder: string;
  /** Path of the interpreter. */
  readonly python: string;
  /** Version as in the package metadata, including `.postN`; `undefined` if the package is missing. */
  readonly dynamo: string | undefined;
  /** Versions of the engines' packages, by package name. */
  readonly backends: Readonly<Record<string, string | undefined>>;
  readonly torch: string | undefined;
  /** Whether it has a module of this name: a package, or a file of Python or of machine code. */
  readonly has: (module: string) => boolean;
}

/**
 * An environment that was built in an image and is mounted into it: its interpreter is a link into the image, and what it does
 * not hold is the image's.
 */
export function readMounted(folder: string): Installed {
  return installedIn(folder, join(folder, 'bin', 'python3'), ownFolders(folder).flatMap(list));
}

/** `home`: of the user whose `pip install --user` packages are visible outside virtual environments. */
export function readEnvironment(folder: string, python: string, home: string | undefined): Installed {
  return installedIn(folder, python, packageFolders(folder, python, home).flatMap(list));
}

function installedIn(folder: string, python: string, packages: readonly string[]): Installed {
  return {
    folder,
    python,
    dynamo: versionOf('ai_dynamo', packages),
    backends: Object.fromEntries(
      backends.map(({ distribution }) => [distribution, versionOf(distribution, packages)]),
    ),
    torch: versionOf('torch', packages),
    has: (module) => packages.some((entry) => entry === module || entry.startsWith(`${module}.`)),
  };
}

function packageFolders(folder: string, python: string, home: string | undefined): string[] {
  const virtual = readText(join(folder, 'pyvenv.cfg'));
  if (virtual === undefined) return systemFolders(folder, python, home);
  const base = settingOf(virtual, 'home');
  const own = ownFolders(folder);
  if (settingOf(virtual, 'include-system-site-packages') !== 'true' || base === undefined) return own;
  return [...own, ...systemFolders(dirname(base), join(base, basename(python)), home)];
}

function ownFolders(folder: string): string[] {
  return below(folder, ['lib', 'lib64'], /^python3\.\d+t?$/);
}

/** A system may have packages for several Python versions; only those of this one count. */
function systemFolders(prefix: string, python: string, home: string | undefined): string[] {
  const minor = minorOf(python);
  const version = minor === undefined ? /^python3(\.\d+t?)?$/ : new RegExp(`^python3(\\.${minor}t?)?$`);
  const user = home === undefined ? [] : below(join(home, '.local'), ['lib'], version);
  return [...user, ...below(prefix, ['lib', 'lib64', 'local/lib'], version)];
}

function below(prefix: string, libs: readonly string[], version: RegExp): string[] {
  return libs.flatMap((lib) =>
    list(join(prefix, lib))
      .filter((name) => version.test(name))
      .flatMap((name) => ['site-packages', 'dist-packages'].map((kind) => join(prefix, lib, name, kind))),
  );
}

/** `12` for /usr/bin/python3 that links to python3.12; `undefined` if the name does not contain it. */
function minorOf(python: string): string | undefined {
  try {
    return /^python3\.(\d+)t?$/.exec(basename(realpathSync(python)))?.[1];
  } catch {
    return undefined;
  }
}

/** From `ai_dynamo-1.3.0.post1.dist-info`, say. */
function versionOf(name: string, packages: readonly string[]): string | undefined {
  const info = packages.find((entry) => entry.startsWith(`${name}-`) && entry.endsWith('.dist-info'));
  return info?.slice(name.length + 1, -'.dist-info'.length);
}

function settingOf(text: string, name: string): string | undefined {
  const line = text.split('\n').find((each) => each.split('=', 1)[0]?.trim() === name);
  return line?.slice(line.indexOf('=') + 1).trim();
}

/** The interpreter of an environment, or `undefined` if there is none. */
export function interpreterIn(folder: string): string | undefined {
  return ['python3', 'python'].map((name) => join(folder, 'bin', name)).find((file) => existsSync(file));
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

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

/** Uses the folder, not the target of the link: in a virtual environment the link points outside. */
function ofInterpreter(python: string): Located {
  return { folder: dirname(dirname(python)), python };
}

/** pyenv puts a script on PATH that starts the Python in PYENV_VERSION, or else in its file `version`. */
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
