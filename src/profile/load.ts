/** From what a user typed to a checked profile. */
import type { Values } from './assemble.ts';
import { type Candidate, type ProfileLibrary, readBytes } from './files.ts';
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

/** Parser and schema are loaded only for files without a precomputed profile. */
async function resolved(candidate: Candidate, request: ProfileRequest): Promise<Profile> {
  const { resolveProfile } = await import('./assemble.ts');
  return await resolveProfile(candidate, request);
}

/**
 * The profile of a shipped file when nothing is set, computed when the package is built and found by the file's content,
 * so that an edited file is parsed. Reading and checking YAML takes a quarter of the time before the first process.
 * `undefined` when the file is not known, or when a setting or a variable changes it.
 */
export async function knownProfile(
  candidate: Candidate,
  request: ProfileLibrary & Values,
): Promise<Profile | undefined> {
  const { settings, environment, known } = request;
  if (known === undefined || settings.length > 0) return undefined;
  const bytes = await readBytes(candidate.file, request);
  const found = bytes === undefined ? undefined : await known(bytes);
  if (found === undefined || found.variables.some((name) => (environment[name] ?? '') !== ''))
    return undefined;
  return { ...found.profile, ...candidate };
}
