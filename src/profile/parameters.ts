/** Parameters of a profile: their declarations, and the values that they get from options, environment and defaults. */
import type { Environment } from '../base/environment.ts';
import { DynamoError } from '../base/error.ts';
import { nearest } from '../base/nearest.ts';
import { conceal, hiddenMark, isSecretParameter } from '../base/secrets.ts';
import { type Diagnostic, shownValue } from './diagnostic.ts';
import type { ResolvedParameter } from './profile.ts';
import { parameterSchema, type ParameterSpec } from './schema.ts';
import { badSetting, type Setting, shownSetting } from './shown.ts';
import { type Chooser, entriesAt, type MapTree, positionAt, toPlain } from './tree.ts';

export interface Parameter extends ResolvedParameter {
  readonly chooser: Chooser | undefined;
}

export interface Parameters {
  readonly values: ReadonlyMap<string, Parameter>;
  /** Names with invalid declarations: the schema reports them, and references to them are not faults. */
  readonly broken: ReadonlySet<string>;
}

/** Throws `usage` or `environment` for an invalid value from an option or a variable; faults in the file go to `problems`. */
export function resolveParameters(
  tree: MapTree,
  settings: readonly Setting[],
  environment: Environment,
  problems: Diagnostic[],
): Parameters {
  const values = new Map<string, Parameter>();
  const broken = new Set<string>();
  for (const [name, { value }] of entriesAt(tree, ['parameters'])) {
    const parsed = parameterSchema.safeParse(toPlain(value));
    if (!parsed.success || !defaultFits(name, parsed.data, tree, problems)) broken.add(name);
    else values.set(name, resolveParameter(name, parsed.data, settings, environment));
  }
  return { values, broken };
}

function resolveParameter(
  name: string,
  spec: ParameterSpec,
  settings: readonly Setting[],
  environment: Environment,
): Parameter {
  // The last one wins, as for any option that is given twice.
  const setting = settings.findLast(({ path }) => path === name);
  if (setting !== undefined) {
    const parsed = parseValue(setting.value, spec);
    if ('expected' in parsed) {
      throw badSetting(
        setting,
        `expected ${parsed.expected}, got ${isSecretParameter(name, spec.env ?? []) ? 'another value' : shownValue(setting.value)}.`,
        likely(setting, spec),
      );
    }
    return {
      ...spec,
      value: parsed.value,
      from: 'option',
      chooser: { kind: 'option', text: shownSetting(setting) },
    };
  }
  // Empty means unset, as in upstream's scripts (${NAME:-default}).
  const variable = spec.env?.find((each) => (environment[each] ?? '') !== '');
  const text = variable === undefined ? undefined : environment[variable];
  if (variable === undefined || text === undefined) {
    return { ...spec, value: spec.default, from: 'default', chooser: undefined };
  }
  const parsed = parseValue(text, spec);
  const shown = isSecretParameter(name, [variable]) ? hiddenMark : conceal(text);
  if ('expected' in parsed) {
    throw new DynamoError(
      'environment',
      `${variable}=${shown} is set in the environment, but parameter ${name} expects ${parsed.expected}.`,
      { hint: `unset ${variable}`, fields: { variable } },
    );
  }
  return {
    ...spec,
    value: parsed.value,
    from: 'environment',
    chooser: { kind: 'environment', text: `${variable}=${shown}` },
  };
}

/** A valid setting to suggest, as close as possible to what was typed. */
function likely(setting: Setting, spec: ParameterSpec): string | undefined {
  const { type, choices, default: preset } = spec;
  if (choices === undefined && (type === 'integer' || type === 'number')) {
    const meant = Number(setting.value.trim() || Number.NaN);
    const value = isAllowed(meant, spec) ? meant : preset;
    return value === undefined
      ? `omit it, or set it to ${type === 'integer' ? 'an integer' : 'a number'}`
      : shownSetting({ ...setting, value: String(value) });
  }
  const allowed = (choices ?? (type === 'boolean' ? [true, false] : [])).map(String);
  const value = nearest(setting.value, allowed) ?? allowed[0];
  return value === undefined ? undefined : shownSetting({ ...setting, value });
}

function defaultFits(name: string, spec: ParameterSpec, tree: MapTree, problems: Diagnostic[]): boolean {
  const { default: preset } = spec;
  if (preset === undefined || isAllowed(preset, spec)) return true;
  problems.push({
    at: positionAt(tree, ['parameters', name, 'default']),
    message: `parameters.${name}.default: expected ${expected(spec)}, got ${shownValue(preset)}`,
  });
  return false;
}

type Value = string | number | boolean;

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

/** The value, or what was expected. */
export function parseValue(text: string, spec: ParameterSpec): { value: Value } | { expected: string } {
  const value = typed(text, spec.type);
  return value === undefined || !isAllowed(value, spec) ? { expected: expected(spec) } : { value };
}

/** Whether a value in the file (a default, a condition) has the right type and is one of the choices. */
export function isAllowed(value: Value, { type, choices }: ParameterSpec): boolean {
  const fits = type === 'integer' ? Number.isSafeInteger(value) : typeof value === type;
  return fits && (choices === undefined || choices.includes(value));
}

/** "one of 1b, 14b", "true or false", "an integer". */
export function expected({ type, choices }: ParameterSpec): string {
  if (choices !== undefined) return `one of ${choices.join(', ')}`;
  return type === 'boolean' ? 'true or false' : type;
}

/** A plain decimal number; not everything that JavaScript or YAML accepts, such as `8e3`, `0x1F40`, `+80` or ` 80`. */
export function decimal(text: string): number | undefined {
  const number = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

function typed(text: string, type: ParameterSpec['type']): Value | undefined {
  if (type === 'string') return text;
  const word = text.trim().toLowerCase();
  if (type === 'boolean') return Object.hasOwn(truths, word) ? truths[word] : undefined;
  return type === 'integer' && !/^-?\d+$/.test(text) ? undefined : decimal(text);
}
