/** Gives the profile room its files, folders and environment, and says which profile was taken. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DynamoError } from '../../base/error.ts';
import { xdgFolder } from '../../base/xdg.ts';
import { concealWords } from '../../base/secrets.ts';
import { candidatesOf } from '../../profile/candidates.ts';
import type { ProfileLibrary } from '../../profile/files.ts';
import { loadProfile } from '../../profile/load.ts';
import type { Profile } from '../../profile/profile.ts';
import type { Setting } from '../../profile/setting.ts';
import { profileRows } from '../../view/profile-table.ts';
import { shippedFolder } from '../self.ts';
import { workingFolder } from '../platform.ts';
import { readKnown } from './known-profiles.ts';
import { profileFiles } from './profile-files.ts';

/** Where profiles are on this host, the winning place first. */
export function profileLibrary(): ProfileLibrary {
  const config = xdgFolder(process.env, 'XDG_CONFIG_HOME') ?? join(homedir(), '.config');
  const cwd = workingFolder();
  return {
    cwd,
    directories: {
      project: join(cwd, 'launch-profiles'),
      user: join(config, 'dynamo', 'launch-profiles'),
      shipped: join(shippedFolder(), 'launch-profiles'),
    },
    files: profileFiles,
    known: async (content) => await readKnown(shippedFolder(), content),
  };
}

export interface OpenedProfile {
  readonly profile: Profile;
  /** Says which profile was taken, when that is not plain from what was typed. */
  readonly note: string | undefined;
}

/** Throws `usage` unless exactly one profile is named, and what `loadProfile` throws. */
export async function openProfile(
  operands: readonly string[],
  verb: string,
  settings: readonly Setting[],
): Promise<OpenedProfile> {
  const [asked, ...more] = operands;
  if (asked === undefined) {
    throw new DynamoError('usage', `dynamo ${verb} needs a profile.`, {
      details: profileRows(await (await import('../../profile/list.ts')).listProfiles(profileLibrary())),
      hint: `dynamo ${verb} agg`,
    });
  }
  if (more.length > 0) {
    const shown = concealWords(more).join(' ');
    throw new DynamoError('usage', `dynamo ${verb} takes one profile, not also ${shown}.`, {
      hint: `arguments for the workers stand after --: dynamo ${verb} ${asked} -- ${shown}`,
    });
  }
  const loaded = await loadProfile({ ...profileLibrary(), asked, settings, environment: process.env });
  const { profile, resolvedBy } = loaded;
  const note =
    resolvedBy === 'name' && profile.origin === 'shipped'
      ? undefined
      : `${asked}: taking the ${profile.origin} profile ${profile.name} (${profile.file})`;
  return { profile, note };
}

export async function profileNames(): Promise<string[]> {
  const candidates = await candidatesOf(profileLibrary());
  return [...new Set(candidates.map(({ name }) => name))].toSorted();
}
