/** Works out what `knownProfile` answers later: called when the package is built. */
import { candidatesOf, readBytes } from './candidates.ts';
import { loadChain } from './chain.ts';
import type { ProfileLibrary } from './files.ts';
import { toKnown } from './known-profile.ts';
import type { KnownProfile } from './profile.ts';
import { resolveProfile } from './resolve.ts';

export interface Known {
  readonly content: Uint8Array;
  readonly known: KnownProfile;
}

/** With their content. One that extends another is none of them: which one that is depends on the host. */
export async function workOut(library: ProfileLibrary): Promise<readonly Known[]> {
  const known: Known[] = [];
  for (const candidate of await candidatesOf(library)) {
    const profile = await resolveProfile(candidate, { ...library, settings: [], environment: {} });
    const bytes = await readBytes(candidate.file, library);
    const chain = await loadChain(candidate, library, []);
    if (bytes !== undefined && chain.length === 1) known.push({ content: bytes, known: toKnown(profile) });
  }
  return known;
}
