/** Which variables of a profile or an option are secret, so that they are passed on and stand in no plan. */
import { isSecret } from '../base/secrets.ts';
import type { Profile } from '../profile/profile.ts';
import type { PlanOptions } from './request.ts';

/**
 * Secret variables that a profile or an option sets, with their values: for the environment of the supervisor, from
 * which every process inherits them. They stand in no plan.
 */
export function secretsOf(profile: Profile, { env }: Pick<PlanOptions, 'env'>): Record<string, string> {
  const components = Object.values(profile.components).map((spec) => spec.env);
  const all = Object.assign({}, profile.env, ...components, env) as Record<string, string>;
  return Object.fromEntries(Object.entries(all).filter(([name, value]) => isSecret(name, value)));
}

export function withoutSecrets(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name, value]) => !isSecret(name, value)));
}
