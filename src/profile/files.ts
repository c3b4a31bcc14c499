/** Profile files: how they are read, what their names mean, and where they are searched. The caller reads them, so this room stays pure. */
import { join, posix, resolve } from 'node:path';
import { DynamoError } from '../base/error.ts';
import type { KnownProfile, ProfileOrigin } from './profile.ts';

export interface ProfileFiles {
  /** Names (not paths) of the files in a directory; none when it does not exist. */
  list(directory: string): Promise<readonly string[]>;
  /** Bytes of a file, or undefined if it does not exist. At most `maxProfileBytes` + 1 of them are needed. */
  read(path: string): Promise<Uint8Array | undefined>;
}

/** Absolute paths, in order of precedence. */
export interface ProfileDirectories {
  readonly project: string;
  readonly user: string;
  readonly shipped: string;
}

/** Where profiles are searched, and the folder that shown paths are relative to. */
export interface ProfileLibrary {
  readonly files: ProfileFiles;
  readonly directories: ProfileDirectories;
  readonly cwd: string;
  /** The precomputed profile for this content, if there is one; see load.ts. */
  readonly known?: (content: Uint8Array) => Promise<KnownProfile | undefined>;
}

/** A profile is a page of text. A larger file is probably a mistake, and parsing it would take long. */
export const maxProfileBytes = 1024 * 1024;

/** Whether two names mean the same profile: `-` and `_` are equal. */
export function sameName(a: string, b: string): boolean {
  return plainName(a) === plainName(b);
}

export function plainName(name: string): string {
  return name.replaceAll('-', '_');
}

export function isYamlFile(name: string): boolean {
  return /\.ya?ml$/i.test(name);
}

/** The name of the profile in a file: its file name. */
export function nameOfFile(file: string): string {
  return lastPart(file).replace(/\.ya?ml$/i, '');
}

/** Whether the text can only mean one of upstream's launch scripts. */
export function looksLikeScript(asked: string): boolean {
  return asked.endsWith('.sh') || /[/\\]/.test(asked);
}

/** `./launch/lora/agg.sh` → `agg`. */
export function nameOfScript(asked: string): string {
  return lastPart(asked).replace(/\.sh$/, '');
}

/** A path for messages: relative if it is below the working directory. */
export function shownPath(file: string, cwd: string): string {
  const folder = cwd.endsWith('/') ? cwd : `${cwd}/`;
  return file.startsWith(folder) ? file.slice(folder.length) : file;
}

function lastPart(path: string): string {
  return posix.basename(path.replaceAll('\\', '/'));
}

/** A profile file that has not been read yet. */
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

/** The same for a file given by its path; its folder determines the origin. */
export function candidateAt(file: string, library: ProfileLibrary): Candidate {
  const absolute = resolve(library.cwd, file);
  const home = directoriesOf(library).find(({ directory }) => resolve(absolute, '..') === directory);
  return { name: nameOfFile(absolute), origin: home?.origin ?? 'file', file: absolute };
}

/** Bytes of a file; undefined if it does not exist. A system error is reported with the path. */
export async function readBytes(file: string, library: ProfileLibrary): Promise<Uint8Array | undefined> {
  return attempt(file, library, () => library.files.read(file));
}

/** In this package's own folder, the project directory is the shipped one: it is listed once, as shipped. */
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
    throw new DynamoError('not-allowed', `Cannot read ${shownPath(path, cwd)}: ${reason}`, {
      cause,
      fields: { file: path },
    });
  }
}
