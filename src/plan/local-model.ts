/** Tells models on this host from those of a hub. */
import type { HostFacts } from './request.ts';

/** A model that is written as a path, as an absolute one: processes run in another folder. Any other is a hub id. */
export function localModel(
  model: string,
  { cwd, environment }: Pick<HostFacts, 'cwd' | 'environment'>,
): string {
  if (model === '.' || model.startsWith('./')) return `${cwd}${model.slice(1)}`;
  if (model === '..' || model.startsWith('../')) return `${cwd}/${model}`;
  if (model.startsWith('~/') && environment.HOME !== undefined) return environment.HOME + model.slice(1);
  return model;
}
