/** A profile with every overlay tried, also those that do not apply now. */
import { assemble } from './assemble.ts';
import { mergeChain } from './chain.ts';
import type { LoadedProfile, ProfileRequest } from './load.ts';
import { locate } from './locate.ts';
import { allConditions, type Condition } from './overlays.ts';
import { resolveProfile } from './resolve.ts';
import type { Setting } from './setting.ts';
import { type MapTree, type Position, positionAt, stringAt } from './tree.ts';

/** Why a model cannot be had on this host, and what to do; `undefined` when it can, or when nobody can tell. */
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

/** Where the name of the model is written: mostly as the default of a parameter. */
function modelPosition(tree: MapTree): Position {
  const parameter = /^\$\{(\w+)\}$/.exec(stringAt(tree, ['model']) ?? '')?.[1];
  return positionAt(tree, parameter === undefined ? ['model'] : ['parameters', parameter, 'default']);
}

function asSetting({ parameter, value }: Condition): Setting {
  return { path: parameter, value: String(value), flag: '--set' };
}
