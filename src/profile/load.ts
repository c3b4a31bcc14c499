/** From what a user typed to a checked profile. */
import type { Values } from './assemble.ts';
import type { Candidate } from './candidates.ts';
import type { ProfileLibrary } from './files.ts';
import { knownProfile } from './known-profile.ts';
import { locate, type ResolvedBy } from './locate.ts';
import type { Profile } from './profile.ts';

export interface ProfileRequest extends ProfileLibrary, Values {
  /** A name, an alias, an upstream script with or without `.sh` and path, or a path to a YAML file. */
  readonly asked: string;
}

export interface LoadedProfile {
  readonly profile: Profile;
  readonly asked: string;
  readonly resolvedBy: ResolvedBy;
}

/** Throws `profile-not-found`, `profile-invalid` with all faults, `usage` or `environment` for a value from there. */
export async function loadProfile(request: ProfileRequest): Promise<LoadedProfile> {
  const { candidate, resolvedBy } = await locate(request.asked, request);
  const profile = (await knownProfile(candidate, request)) ?? (await resolved(candidate, request));
  return { profile, asked: request.asked, resolvedBy };
}

/** The parser and the schema are loaded for files that are not known only. */
async function resolved(candidate: Candidate, request: ProfileRequest): Promise<Profile> {
  const { resolveProfile } = await import('./resolve.ts');
  return await resolveProfile(candidate, request);
}
