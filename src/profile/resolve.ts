/** A profile file, with all that it extends, to a checked profile. */
import { assemble, type Values } from './assemble.ts';
import type { Candidate } from './candidates.ts';
import { loadChain } from './chain.ts';
import { type Diagnostic, invalidProfile } from './diagnostic.ts';
import type { ProfileLibrary } from './files.ts';
import { shownPath } from './names.ts';
import type { ProfileFile } from './profile-file.ts';
import type { Profile } from './profile.ts';

/** Throws `profile-invalid` with all faults, those that `checkMore` adds too; `usage` or `environment` for a value from there. */
export async function resolveProfile(
  candidate: Candidate,
  request: ProfileLibrary & Values,
  checkMore: (chain: readonly ProfileFile[], problems: Diagnostic[]) => void = () => {},
): Promise<Profile> {
  const problems: Diagnostic[] = [];
  const chain = await loadChain(candidate, request, problems);
  // Merging an incomplete chain would report as missing what the broken base has.
  const profile = problems.length === 0 ? assemble(chain, request, problems) : undefined;
  if (problems.length === 0) checkMore(chain, problems);
  if (profile === undefined || problems.length > 0)
    throw invalidProfile(shownPath(candidate.file, request.cwd), problems);
  return profile;
}
