/** Gives the profile room its files, folders and environment, and says which profile was taken. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { xdgFolder } from '../base/xdg.ts';
import { candidatesOf, type ProfileLibrary } from '../profile/files.ts';
import { loadProfile } from '../profile/load.ts';
import type { Profile } from '../profile/profile.ts';
import type { Setting } from '../profile/shown.ts';
import { shippedFolder } from '../package/self.ts';
import { workingFolder } from '../package/platform.ts';
import { readKnown } from './known-profiles.ts';
import { profileFiles } from './profile-files.ts';

/** Where profiles are on this host, the winning place first. */
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

export interface OpenedProfile {
  readonly profile: Profile;
  /** Says which profile was taken, when that is not plain from what was typed. */
  readonly note: string | undefined;
}

/** Throws what `loadProfile` throws. */
export async function openProfile(
  asked: string,
  settings: readonly Setting[],
  environment: Environment,
): Promise<OpenedProfile> {
  const loaded = await loadProfile({ ...profileLibrary(environment), asked, settings, environment });
  const { profile, resolvedBy } = loaded;
  const note =
    resolvedBy === 'name' && profile.origin === 'shipped'
      ? undefined
      : `${asked}: taking the ${profile.origin} profile ${profile.name} (${profile.file})`;
  return { profile, note };
}

export async function profileNames(environment: Environment): Promise<string[]> {
  const candidates = await candidatesOf(profileLibrary(environment));
  return [...new Set(candidates.map(({ name }) => name))].toSorted();
}
