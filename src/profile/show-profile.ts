/** A profile as it may be shown: its values without secrets. */
import { conceal, concealWords, hiddenMark, isHarmless, isSecretParameter } from '../base/secrets.ts';
import type { FrontendSpec, ParameterValue, Profile, ResolvedParameter, WorkerSpec } from './profile.ts';

/** The same profile with `***` in the place of every value that may be a secret. It cannot be planned any more. */
export function shownProfile(profile: Profile): Profile {
  return {
    ...(concealAll(profile) as Profile),
    env: shownVariables(profile.env),
    components: mapValues(profile.components, shownComponent),
    parameters: mapValues(profile.parameters, shownParameter),
  };
}

function shownComponent<Spec extends FrontendSpec | WorkerSpec>(spec: Spec): Spec {
  const engineArgs = mapValues(spec.engineArgs, (words) => concealWords(words ?? []));
  return { ...(concealAll(spec) as Spec), env: shownVariables(spec.env), engineArgs };
}

function shownVariables(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, isHarmless(name, value) ? value : hiddenMark]),
  );
}

function shownParameter(parameter: ResolvedParameter, name: string): ResolvedParameter {
  const shown = concealAll(parameter) as ResolvedParameter;
  if (!isSecretParameter(name, parameter.env ?? [])) return shown;
  return { ...shown, default: hide(parameter.default), value: hide(parameter.value) };
}

function hide(value: ParameterValue): ParameterValue {
  return typeof value === 'string' && value !== '' ? hiddenMark : value;
}

/** Every text in a value. */
function concealAll(value: unknown): unknown {
  if (typeof value === 'string') return conceal(value);
  if (Array.isArray(value)) return value.map(concealAll);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, concealAll(each)]));
}

function mapValues<V, W>(
  record: Readonly<Record<string, V>>,
  change: (value: V, key: string) => W,
): Record<string, W> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}
