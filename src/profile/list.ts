/** Every profile that there is, for `dynamo profiles list`: one broken file does not hide the others. */
import { DynamoError } from '../base/error.ts';
import { assemble } from './assemble.ts';
import { type Candidate, candidatesOf } from './candidates.ts';
import { loadChain } from './chain.ts';
import { type Diagnostic, invalidProfile } from './diagnostic.ts';
import type { ProfileLibrary } from './files.ts';
import { sameName, shownPath } from './names.ts';
import type { Profile, ProfileOrigin } from './profile.ts';

export interface ListedProfile {
  readonly name: string;
  readonly aliases: readonly string[];
  /** Empty when the file is broken. */
  readonly description: string;
  readonly origin: ProfileOrigin;
  /** Absolute path. */
  readonly file: string;
  /** Files of the same name that this one wins over, by origin and path. */
  readonly overrides: readonly { readonly origin: ProfileOrigin; readonly file: string }[];
  /** With default parameters; undefined when the file is broken. */
  readonly profile: Profile | undefined;
  readonly error: DynamoError | undefined;
}

/** Sorted by name. A file that another one overrides stands under `overrides` of that one. */
export async function listProfiles(library: ProfileLibrary): Promise<readonly ListedProfile[]> {
  const candidates = await candidatesOf(library);
  const winners = candidates.filter(
    (each, i) => candidates.findIndex(({ name }) => sameName(name, each.name)) === i,
  );
  const listed = await Promise.all(winners.map((winner) => describe(winner, candidates, library)));
  return listed.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function describe(
  winner: Candidate,
  candidates: readonly Candidate[],
  library: ProfileLibrary,
): Promise<ListedProfile> {
  const others = candidates.filter(({ name, file }) => file !== winner.file && sameName(name, winner.name));
  const overrides = others.map(({ origin, file }) => ({ origin, file }));
  const { profile, error } = await attempt(winner, library);
  const { aliases = [], description = '' } = profile ?? {};
  return { ...winner, aliases, description, overrides, profile, error };
}

async function attempt(
  candidate: Candidate,
  library: ProfileLibrary,
): Promise<{ profile: Profile | undefined; error: DynamoError | undefined }> {
  const problems: Diagnostic[] = [];
  try {
    const chain = await loadChain(candidate, library, problems);
    const profile =
      problems.length === 0 ? assemble(chain, { settings: [], environment: {} }, problems) : undefined;
    if (profile !== undefined && problems.length === 0) return { profile, error: undefined };
    return { profile: undefined, error: invalidProfile(shownPath(candidate.file, library.cwd), problems) };
  } catch (error) {
    if (error instanceof DynamoError) return { profile: undefined, error };
    throw error;
  }
}
