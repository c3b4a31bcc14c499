/** The shipped profiles, with settings, for tests of their plans. */
import { listProfiles } from '../../src/profile/list.ts';
import { loadProfile } from '../../src/profile/load.ts';
import type { Profile } from '../../src/profile/profile.ts';
import { diskFiles, set, shippedFolder } from '../unit/profile/memory-files.ts';

const library = {
  files: diskFiles,
  directories: { project: '/nowhere/a', user: '/nowhere/b', shipped: shippedFolder },
  cwd: '/nowhere',
};

export async function shippedNames(): Promise<string[]> {
  return (await listProfiles(library)).map(({ name }) => name);
}

export async function shipped(asked: string, ...settings: string[]): Promise<Profile> {
  return (await loadProfile({ ...library, asked, environment: {}, settings: set(...settings) })).profile;
}
