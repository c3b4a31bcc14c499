/** Loads a profile with the files, folders and environment of this host, and says which one was used. */
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { xdgFolder } from '../base/xdg.ts';
import {
  candidatesOf,
  maxProfileBytes,
  type ProfileFiles,
  type ProfileLibrary,
  shownPath,
} from '../profile/files.ts';
import { loadProfile } from '../profile/load.ts';
import type { KnownProfile, Profile } from '../profile/profile.ts';
import type { Setting } from '../profile/shown.ts';
import { shippedFolder } from '../package/self.ts';
import { workingFolder } from '../package/platform.ts';
import { readdir, readFile } from 'node:fs/promises';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { errorCode } from '../base/error-code.ts';
import { DynamoError } from '../base/error.ts';

/** Where profiles are on this host, in order of precedence. */
export function profileLibrary(environment: Environment): ProfileLibrary {
  const config = xdgFolder(environment, 'XDG_CONFIG_HOME') ?? join(homedir(), '.config');
  const cwd = workingFolder();
  return {
    cwd,
    directories: {
      project: join(cwd, 'launch-profiles'),
      user: join(config, 'dynamo', 'launch-profiles'),
      shipped: join(shippedFolder(environment), 'launch-profiles'),
    },
    files: profileFiles,
    known: async (content) => await readKnown(shippedFolder(environment), content),
  };
}

interface OpenedProfile {
  readonly profile: Profile;
  /** Says which profile was used, if that is not obvious from what the user typed. */
  readonly note: string | undefined;
}

/** Throws what `loadProfile` throws. */
export async function openProfile(
  asked: string,
  settings: readonly Setting[],
  environment: Environment,
): Promise<OpenedProfile> {
  const loaded = await loadProfile({ ...profileLibrary(environment), asked, settings, environment });
  const { resolvedBy } = loaded;
  const profile = named(loaded.profile);
  const note =
    resolvedBy === 'name' && profile.origin === 'shipped'
      ? undefined
      : `${asked}: using the ${profile.origin} profile ${profile.name} (${profile.file})`;
  return { profile, note };
}

/** As compose does: every project has a dynamo.yaml, so it is its folder that says which one it is. */
function named(profile: Profile): Profile {
  if (basename(profile.file) !== 'dynamo.yaml') return profile;
  return { ...profile, name: basename(dirname(profile.file)) || profile.name };
}

export async function profileNames(environment: Environment): Promise<string[]> {
  const candidates = await candidatesOf(profileLibrary(environment));
  return [...new Set(candidates.map(({ name }) => name))].toSorted();
}

/** What dist/profiles holds for a shipped profile. */
interface KnownFile {
  readonly content: string;
  readonly known: KnownProfile;
}

/**
 * The file in dist/profiles for a shipped profile with this content. Others may get the same name: the file holds the content. Not a
 * hash: Node 24 takes 5 ms to load its functions.
 */
export function fileOfContent(content: Uint8Array): string {
  return `${content.length}-${content.reduce((sum, byte) => sum + byte, 0)}.json`;
}

/**
 * What the build computed for a shipped profile; `undefined` for any other content. `shipped`: the folder of the package.
 * Without it, `up agg --engine sim` loads the YAML parser and the schema, and takes 244 ms of processor time instead of 169
 * (medians of 30 pairs on two busy cores).
 */
async function readKnown(shipped: string, content: Uint8Array): Promise<KnownProfile | undefined> {
  try {
    const text = await readFile(join(shipped, 'dist', 'profiles', fileOfContent(content)), 'utf8');
    const file = JSON.parse(text) as KnownFile;
    return file.content === Buffer.from(content).toString() ? file.known : undefined;
  } catch {
    return undefined;
  }
}

const profileFiles: ProfileFiles = {
  list: async (directory) => await readdir(directory).catch(() => []),
  read: async (path) => await Promise.resolve(readProfile(path)),
};

/** `undefined` if it does not exist. Throws `profile-invalid` if it is not a regular file, or too large for a profile. */
function readProfile(path: string): Uint8Array | undefined {
  try {
    // Checked before it is opened: opening may affect a device, and would wait for the other end of a FIFO.
    requireRegular(statSync(path), path);
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      requireRegular(fstatSync(descriptor), path);
      return readUpTo(descriptor, maxProfileBytes + 1);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function requireRegular(stats: Stats, path: string): void {
  const shown = shownPath(path, process.cwd());
  if (!stats.isFile()) {
    throw new DynamoError('profile-invalid', `${shown} is ${kindOf(stats)}, not a profile file.`, {
      hint: 'dynamo profiles list   # lists the profiles',
      fields: { file: path },
    });
  }
  if (stats.size <= maxProfileBytes) return;
  const size = (stats.size / 1024 / 1024).toFixed(1);
  const most = maxProfileBytes / 1024 / 1024;
  throw new DynamoError(
    'profile-invalid',
    `${shown} is ${size} MiB; the limit for a profile is ${most} MiB.`,
    {
      hint: `ls -l ${shown}   # is it the right file?`,
      fields: { file: path },
    },
  );
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a FIFO';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** Ignores the size of the file: files in /proc report none, and a file may grow meanwhile. */
function readUpTo(descriptor: number, most: number): Uint8Array {
  const buffer = Buffer.allocUnsafe(Math.min(most, Math.max(4096, fstatSync(descriptor).size + 1)));
  let [parts, length]: [Buffer[], number] = [[], 0];
  for (;;) {
    const read = readSync(descriptor, buffer, 0, Math.min(buffer.length, most - length), null);
    if (read === 0) return Buffer.concat(parts);
    parts.push(Buffer.from(buffer.subarray(0, read)));
    length += read;
  }
}
