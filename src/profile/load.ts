/** From what a user typed to a checked profile. */
import { assemble, type Values } from './assemble.ts';
import { loadChain, mergeChain } from './chain.ts';
import { type Diagnostic, invalidProfile } from './diagnostic.ts';
import type { ProfileLibrary } from './files.ts';
import { locate, type ResolvedBy } from './locate.ts';
import { shownPath } from './names.ts';
import { allConditions, type Condition } from './overlays.ts';
import type { ProfileFile } from './profile-file.ts';
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
  return load(request, () => {});
}

/** The same, and every overlay is tried too, also those that do not apply now. */
export async function validateProfile(request: ProfileRequest): Promise<LoadedProfile> {
  return load(request, (chain, problems) => {
    const merged = mergeChain(chain);
    for (const conditions of merged === undefined ? [] : allConditions(merged)) {
      assemble(
        chain,
        { ...request, settings: [...request.settings, ...conditions.map(asSetting)] },
        problems,
      );
    }
  });
}

async function load(
  request: ProfileRequest,
  checkMore: (chain: readonly ProfileFile[], problems: Diagnostic[]) => void,
): Promise<LoadedProfile> {
  const { candidate, resolvedBy } = await locate(request.asked, request);
  const problems: Diagnostic[] = [];
  const chain = await loadChain(candidate, request, problems);
  // Merging an incomplete chain would report as missing what the broken base has.
  const profile = problems.length === 0 ? assemble(chain, request, problems) : undefined;
  if (problems.length === 0) checkMore(chain, problems);
  if (profile === undefined || problems.length > 0)
    throw invalidProfile(shownPath(candidate.file, request.cwd), problems);
  return { profile, asked: request.asked, resolvedBy };
}

function asSetting({ parameter, value }: Condition) {
  return { path: parameter, value: String(value), flag: '--set' };
}
