/** A profile with every overlay tried, also those that do not apply now. */
import { assemble } from './assemble.ts';
import { mergeChain } from './chain.ts';
import type { LoadedProfile, ProfileRequest } from './load.ts';
import { locate } from './locate.ts';
import { allConditions, type Condition } from './overlays.ts';
import { resolveProfile } from './resolve.ts';
import type { Setting } from './setting.ts';

/** Throws as `loadProfile` does. */
export async function validateProfile(request: ProfileRequest): Promise<LoadedProfile> {
  const { candidate, resolvedBy } = await locate(request.asked, request);
  const profile = await resolveProfile(candidate, request, (chain, problems) => {
    const merged = mergeChain(chain);
    for (const conditions of merged === undefined ? [] : allConditions(merged)) {
      const settings = [...request.settings, ...conditions.map(asSetting)];
      assemble(chain, { ...request, settings }, problems);
    }
  });
  return { profile, asked: request.asked, resolvedBy };
}

function asSetting({ parameter, value }: Condition): Setting {
  return { path: parameter, value: String(value), flag: '--set' };
}
