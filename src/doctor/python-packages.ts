/** Packages of a Python environment and their flags, read from files: starting Python takes seconds. */
import { upstreamEngines } from '../engine/engines.ts';
import { join } from 'node:path';
import type { HostFiles, HostView } from './host-view.ts';

export interface PythonPackages {
  /** Folders with packages. */
  readonly folders: readonly string[];
  /** `3.12` */
  readonly pythonVersion: string | undefined;
  /** Version of a package by its name on PyPI; `undefined` if it is not installed. */
  versionOf(name: string): string | undefined;
}

export async function packagesIn({ files }: HostView, environment: string): Promise<PythonPackages> {
  const folders: string[] = [];
  const versions = new Map<string, string>();
  let pythonVersion: string | undefined;
  for (const lib of ['lib', 'lib64', join('local', 'lib')]) {
    for (const name of await files.list(join(environment, lib))) {
      const python = /^python(3\.\d+)$/.exec(name)?.[1];
      if (python === undefined) continue;
      pythonVersion ??= python;
      for (const kind of ['site-packages', 'dist-packages']) {
        const folder = join(environment, lib, name, kind);
        const entries = await files.list(folder);
        if (entries.length > 0) folders.push(folder);
        for (const entry of entries) {
          const match = /^(.+?)-([^-]+)\.dist-info$/.exec(entry);
          if (match !== null) versions.set(normal(match[1] ?? ''), match[2] ?? '');
        }
      }
    }
  }
  return { folders, pythonVersion, versionOf: (name) => versions.get(normal(name)) };
}

/** Source: PEP 503. */
function normal(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-');
}

const common = ['dynamo/common', 'dynamo/llm'];
/** Where each module declares its flags: folders of sources, or single files. */
const sources = new Map([
  ['dynamo.frontend', ['dynamo/frontend', ...common]],
  ...Object.values(upstreamEngines).map(({ python: { worker } }): [string, string[]] => [
    worker.module,
    [...worker.sources, ...common],
  ]),
]);

/** Deeper folders contain engines, not flags. */
const deepest = 3;

/**
 * The flags after `-m module` that the sources do not contain, neither literally nor as a field (`page_size`), from which
 * newer versions derive flags. Empty if the sources cannot be found: then nothing is known.
 */
export async function unknownFlags(
  { files }: Pick<HostView, 'files'>,
  packageFolders: readonly string[],
  argv: readonly string[],
): Promise<string[]> {
  const module = argv[argv.indexOf('-m') + 1] ?? '';
  const places = sources.get(module);
  if (places === undefined || !argv.includes('-m')) return [];
  const paths = packageFolders.flatMap((folder) => places.map((place) => join(folder, place)));
  const text = (await Promise.all(paths.map(async (path) => await pythonText(files, path, deepest)))).join(
    '\n',
  );
  if (text === '' || text.trim() === '') return [];
  const flags = argv.flatMap((word) => /^--[a-z][a-z0-9-]*/.exec(word)?.[0] ?? []);
  return [...new Set(flags)].filter((flag) => !isNamed(text, flag.slice(2)));
}

function isNamed(text: string, name: string): boolean {
  // `--no-x` is made from `--x` by argparse.
  return [name, name.replace(/^no-/, '')].some(
    (each) => text.includes(`--${each}`) || new RegExp(`\\b${each.replaceAll('-', '_')}\\b`).test(text),
  );
}

async function pythonText(files: HostFiles, path: string, depth: number): Promise<string> {
  if (path.endsWith('.py')) return (await files.read(path)) ?? '';
  if (depth === 0) return '';
  const names = (await files.list(path)).filter((name) => name.endsWith('.py') || !/[._]/.test(name));
  return (await Promise.all(names.map((name) => pythonText(files, join(path, name), depth - 1)))).join('\n');
}
