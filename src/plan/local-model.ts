/** Distinguishes models on this host from models on a hub. */
import { DynamoError, type ErrorCode } from '../base/error.ts';
import type { Profile } from '../profile/profile.ts';
import type { Choice } from './plan.ts';
import type { HostFacts, ModelFact } from './request.ts';

type Place = Pick<HostFacts, 'cwd' | 'environment'>;

/** Makes a path absolute, since processes run in another folder. Anything else is a hub id and stays as it is. */
export function localModel(model: string, { cwd, environment }: Place): string {
  if (model === '.' || model.startsWith('./')) return `${cwd}${model.slice(1)}`;
  if (model === '..' || model.startsWith('../')) return `${cwd}/${model}`;
  if ((model === '~' || model.startsWith('~/')) && environment.HOME !== undefined)
    return environment.HOME + model.slice(1);
  return model;
}

/** Whether it can only be a path: a hub id is `name` or `owner/name`. */
export function isPath(model: string): boolean {
  if (/^\w+:\/\//.test(model)) return false;
  return /^(\/|\.\.?(\/|$)|~(\/|$))/.test(model) || model.endsWith('/') || model.split('/').length > 2;
}

/** The model as processes get it, with a reason where that is not obvious. Throws for a path that does not exist. */
export function chooseModel(profile: Profile, host: HostFacts): { path: string; choices: Choice[] } {
  const { model } = profile;
  const fact = host.model;
  if (fact?.kind === 'missing') throw missingModel(profile, fact);
  if (fact?.kind !== 'here') return { path: localModel(model, host), choices: [] };
  const because = `${model} is a folder here, which takes precedence over a model of that name on the hub`;
  return {
    path: fact.path,
    choices: fact.bare ? [{ what: 'model', value: fact.path, because }] : [],
  };
}

function missingModel(
  { model, parameters }: Profile,
  { problem, hint }: ModelFact & { readonly kind: 'missing' },
): DynamoError {
  const source = Object.values(parameters).find(({ value }) => value === model)?.from;
  const codes: Readonly<Record<string, ErrorCode>> = { option: 'usage', environment: 'environment' };
  const shown = source === 'option' ? `--model ${model}` : `model ${model}`;
  return new DynamoError(codes[source ?? ''] ?? 'profile-invalid', `${shown}: ${problem}.`, {
    hint,
    fields: { asked: model },
  });
}
