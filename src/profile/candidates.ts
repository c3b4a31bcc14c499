/** Profile files in the three directories, in the order in which they win: project, user, shipped. */
import { join, resolve } from 'node:path';
import { DynamoError } from '../base/error.ts';
import type { ProfileLibrary } from './files.ts';
import { isYamlFile, nameOfFile, shownPath } from './names.ts';
import type { ProfileOrigin } from './profile.ts';

/** A file that holds a profile, not yet read. */
export interface Candidate {
  readonly name: string;
  readonly origin: ProfileOrigin;
  /** Absolute path. */
  readonly file: string;
}

export async function candidatesOf(library: ProfileLibrary): Promise<Candidate[]> {
  const perDirectory = await Promise.all(
    directoriesOf(library).map(async ({ origin, directory }) => {
      const names = await attempt(directory, library, () => library.files.list(directory));
      const yaml = names.filter((name) => isYamlFile(name)).toSorted();
      return yaml.map((name) => ({ name: nameOfFile(name), origin, file: join(directory, name) }));
    }),
  );
  return perDirectory.flat();
}

/** The same for a file that was given by its path: its folder says what it is. */
export function candidateAt(file: string, library: ProfileLibrary): Candidate {
  const absolute = resolve(library.cwd, file);
  const home = directoriesOf(library).find(({ directory }) => resolve(absolute, '..') === directory);
  return { name: nameOfFile(absolute), origin: home?.origin ?? 'file', file: absolute };
}

/** Bytes of a file; undefined when there is none. What the system refuses is told with the path. */
export async function readBytes(file: string, library: ProfileLibrary): Promise<Uint8Array | undefined> {
  return attempt(file, library, () => library.files.read(file));
}

/** In the package's own folder the project's directory is the shipped one: it is listed once, as shipped. */
function directoriesOf({ directories }: ProfileLibrary): { origin: ProfileOrigin; directory: string }[] {
  const { project, user, shipped } = directories;
  const all: { origin: ProfileOrigin; directory: string }[] = [
    { origin: 'project', directory: resolve(project) },
    { origin: 'user', directory: resolve(user) },
    { origin: 'shipped', directory: resolve(shipped) },
  ];
  return all.filter(({ directory }, i) => !all.slice(i + 1).some((later) => later.directory === directory));
}

async function attempt<T>(path: string, { cwd }: ProfileLibrary, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (cause instanceof DynamoError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DynamoError('not-allowed', `Cannot read ${shownPath(path, cwd)}: ${reason}`, { cause });
  }
}
