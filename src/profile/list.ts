/** All profiles for `dynamo profiles list`, and the thorough check of one for `dynamo profiles validate`. */
import { DynamoError } from '../base/error.ts';
import { assemble, loadChain, mergeChain, resolveProfile } from './assemble.ts';
import { type Diagnostic, invalidProfile } from './diagnostic.ts';
import { type Candidate, candidatesOf, type ProfileLibrary, sameName, shownPath } from './files.ts';
import type { LoadedProfile, ProfileRequest } from './load.ts';
import { locate } from './locate.ts';
import type { Profile, ProfileOrigin } from './profile.ts';
import type { Setting } from './shown.ts';
import { allConditions, type Condition } from './substitute.ts';
import { type MapTree, type Position, positionAt, stringAt } from './tree.ts';

export interface ListedProfile {
  readonly name: string;
  readonly aliases: readonly string[];
  /** Empty if the file is broken. */
  readonly description: string;
  readonly origin: ProfileOrigin;
  /** Absolute path. */
  readonly file: string;
  /** Files of the same name that this one overrides, by origin and path. */
  readonly overrides: readonly { readonly origin: ProfileOrigin; readonly file: string }[];
  /** With default parameters; undefined when the file is broken. */
  readonly profile: Profile | undefined;
  readonly error: DynamoError | undefined;
}

/** Sorted by name. An overridden file is listed under `overrides` of the one that overrides it. */
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

/** Why a model is unavailable on this host, and what to do; `undefined` if it is available or this is unknown. */
export type ModelCheck = (model: string) => { readonly problem: string; readonly hint: string } | undefined;

/** Throws as `loadProfile` does. */
export async function validateProfile(
  request: ProfileRequest,
  checkModel: ModelCheck = () => undefined,
): Promise<LoadedProfile> {
  const { candidate, resolvedBy } = await locate(request.asked, request);
  const profile = await resolveProfile(candidate, request, (chain, problems) => {
    const merged = mergeChain(chain);
    for (const conditions of merged === undefined ? [] : allConditions(merged)) {
      const settings = [...request.settings, ...conditions.map(asSetting)];
      assemble(chain, { ...request, settings }, problems);
    }
    if (merged === undefined) return;
    const found = checkModel(assemble(chain, request, [])?.model ?? '');
    if (found !== undefined)
      problems.push({ at: modelPosition(merged), message: `model: ${found.problem}`, fix: found.hint });
  });
  return { profile, asked: request.asked, resolvedBy };
}

/** Where the model is set: usually as the default of a parameter. */
function modelPosition(tree: MapTree): Position {
  const parameter = /^\$\{(\w+)\}$/.exec(stringAt(tree, ['model']) ?? '')?.[1];
  return positionAt(tree, parameter === undefined ? ['model'] : ['parameters', parameter, 'default']);
}

function asSetting({ parameter, value }: Condition): Setting {
  return { path: parameter, value: String(value), flag: '--set' };
}
