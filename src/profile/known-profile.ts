/**
 * What a shipped file means when nobody sets anything, worked out when the package is built. It is found by what the
 * file holds, so an edited one goes the long way. Reading YAML and checking it is a quarter of the time before the first
 * process, and nearly always of these files.
 */
import type { Values } from './assemble.ts';
import { type Candidate, readBytes } from './candidates.ts';
import type { ProfileLibrary } from './files.ts';
import type { KnownProfile, Profile } from './profile.ts';

/** `undefined` when the file is not known, or a setting or a variable says more than the file. */
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

/** What `knownProfile` gives again later. */
export function toKnown({ name: _name, origin: _origin, file: _file, ...profile }: Profile): KnownProfile {
  const variables = Object.values(profile.parameters).flatMap(({ env }) => env ?? []);
  return { variables, profile };
}
