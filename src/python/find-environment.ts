/** Finds a Python environment that holds Dynamo, by reading package folders: asking Python takes seconds. */
import { readdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { PythonEnvironment } from '../plan/request.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The first of: the active venv, the active conda environment, the one that `python3` on PATH belongs to. */
export function findPythonEnvironment(environment: Environment): PythonEnvironment | undefined {
  const folders = [environment.VIRTUAL_ENV, environment.CONDA_PREFIX, prefixOnPath(environment.PATH)];
  for (const folder of folders) {
    const found = folder === undefined || folder === '' ? undefined : readEnvironment(folder);
    if (found !== undefined) return found;
  }
  return undefined;
}

function readEnvironment(folder: string): PythonEnvironment | undefined {
  const packages = sitePackages(folder).flatMap(list);
  const dynamoVersion = versionOf('ai_dynamo', packages);
  if (dynamoVersion === undefined) return undefined;
  return { folder, dynamoVersion, sglangVersion: versionOf('sglang', packages) };
}

function sitePackages(folder: string): string[] {
  return ['lib', 'lib64', 'local/lib'].flatMap((lib) =>
    list(join(folder, lib))
      .filter((name) => /^python3(\.\d+)?$/.test(name))
      .flatMap((name) => ['site-packages', 'dist-packages'].map((kind) => join(folder, lib, name, kind))),
  );
}

/** From `ai_dynamo-1.3.0.post1.dist-info`, say. */
function versionOf(name: string, packages: readonly string[]): string | undefined {
  const info = packages.find((entry) => entry.startsWith(`${name}-`) && entry.endsWith('.dist-info'));
  return info?.slice(name.length + 1, -'.dist-info'.length);
}

function prefixOnPath(path: string | undefined): string | undefined {
  for (const folder of (path ?? '').split(delimiter)) {
    // The folder decides, not what the link leads to: in a venv it leads out of it.
    if (folder !== '' && list(folder).includes('python3')) return dirname(folder);
  }
  return undefined;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
