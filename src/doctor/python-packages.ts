/** Which Python packages an environment holds, from the names of their folders: asking Python takes seconds. */
import { join } from 'node:path';
import type { HostView } from './host-view.ts';

export interface PythonPackages {
  /** Folders that hold packages. */
  readonly folders: readonly string[];
  /** `3.12` */
  readonly pythonVersion: string | undefined;
  /** Of a package by its name on PyPI; `undefined` when it is not installed. */
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
