/** Profile files: how this room reads them, what their names mean, and where they are looked for. The caller does the reading, so that everything here stays pure. */
import { join, posix, resolve } from 'node:path';
import { DynamoError } from '../base/error.ts';
import type { KnownProfile, ProfileOrigin } from './profile.ts';

export interface ProfileFiles {
  /** Names (not paths) of the files in a directory; none when it does not exist. */
  list(directory: string): Promise<readonly string[]>;
  /** Bytes of a file, or undefined when it does not exist. More than `maxProfileBytes` + 1 of them are never looked at. */
  read(path: string): Promise<Uint8Array | undefined>;
}

/** Absolute paths, in the order in which they win. */
export interface ProfileDirectories {
  readonly project: string;
  readonly user: string;
  readonly shipped: string;
}

/** Where profiles are looked for, and from where paths are shown. */
export interface ProfileLibrary {
  readonly files: ProfileFiles;
  readonly directories: ProfileDirectories;
  readonly cwd: string;
  /** What a file of this content is known to mean; see load.ts. */
  readonly known?: (content: Uint8Array) => Promise<KnownProfile | undefined>;
}

/** A profile is a page of text. What is larger is another file by mistake, and parsing it would take long. */
export const maxProfileBytes = 1024 * 1024;

/** What two names of one profile have in common. */
export function sameName(a: string, b: string): boolean {
  return plainName(a) === plainName(b);
}

export function plainName(name: string): string {
  return name.replaceAll('-', '_');
}

export function isYamlFile(name: string): boolean {
  return /\.ya?ml$/i.test(name);
}

/** Name of the profile that a file holds: the file's own name. */
export function nameOfFile(file: string): string {
  return lastPart(file).replace(/\.ya?ml$/i, '');
}

/** Whether the words can only mean one of upstream's launch scripts. */
export function looksLikeScript(asked: string): boolean {
  return asked.endsWith('.sh') || /[/\\]/.test(asked);
}

/** `./launch/lora/agg.sh` → `agg`. */
export function nameOfScript(asked: string): string {
  return lastPart(asked).replace(/\.sh$/, '');
}

/** A path as people should see it: relative when it lies below where they are. */
export function shownPath(file: string, cwd: string): string {
  const folder = cwd.endsWith('/') ? cwd : `${cwd}/`;
  return file.startsWith(folder) ? file.slice(folder.length) : file;
}

function lastPart(path: string): string {
  return posix.basename(path.replaceAll('\\', '/'));
}

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
