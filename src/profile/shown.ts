/** What messages may show of a profile: lines, settings and whole profiles, with secrets hidden. */
import { DynamoError } from '../base/error.ts';
import { editDistance } from '../base/nearest.ts';
import {
  conceal,
  concealWords,
  hiddenMark,
  isDocumented,
  isHarmless,
  isSecret,
  isSecretFlag,
  isSecretParameter,
} from '../base/secrets.ts';
import type { FrontendSpec, ParameterValue, Profile, ResolvedParameter, WorkerSpec } from './profile.ts';

/** Stars of the same length, so that columns stay aligned. */
const mask = (value: string): string => '*'.repeat(value.length);

/** A line as an error may show it. `index` is zero-based. Works on text, since erroneous lines are often not valid YAML. */
export function shownLine(lines: readonly string[], index: number): string {
  const line = lines[index] ?? '';
  const above = keysAbove(lines, index);
  // There, `env` lists names of variables, not values.
  if (above[0] === 'parameters' || above[0] === 'infra') return maskInside(line);
  const at = above.findIndex(isVariables);
  if (at >= 0) return at === above.length - 1 ? maskVariable(line) : maskRest(line, above[at + 1] ?? '');
  return followsSecretFlag(lines, index) ? maskAll(line) : maskInside(maskVariables(line));
}

/** `env` and what users may write instead: `environment`, `enw`, `x-env`. */
function isVariables(key: string): boolean {
  return /env/i.test(key) || (key.length < 5 && editDistance(key, 'env') === 1);
}

/** The keys above a line, from the outermost to the innermost. */
function keysAbove(lines: readonly string[], index: number): string[] {
  const found: string[] = [];
  const line = lines[index] ?? '';
  // A list may have the same indentation as its key.
  let limit = (indentOf(line) ?? 0) + (/^\s*-\s/.test(line) ? 1 : 0);
  for (let i = index - 1; i >= 0 && limit > 0; i--) {
    const indent = indentOf(lines[i] ?? '');
    if (indent === undefined || indent >= limit) continue;
    limit = indent;
    const key = /^\s*(?:-\s+)*["']?([\w.-]+)["']?\s*:/.exec(lines[i] ?? '')?.[1];
    if (key !== undefined) found.unshift(key);
  }
  return found;
}

/** Indentation of a line; `undefined` for blank lines and comments. */
function indentOf(line: string): number | undefined {
  return /^(\s*)[^\s#]/.exec(line)?.[1]?.length;
}

/** `NAME: value`, and `- NAME=value` as in compose files. */
function maskVariable(line: string): string {
  if (/^\s*<<\s*:/.test(line)) return line;
  const [, head, name = '', value = ''] =
    /^(\s*["']?([\w.-]+)["']?\s*:\s*)(.*)$/.exec(line) ??
    /^(\s*-\s+["']?([A-Z_][A-Z0-9_]*)\s*[:=]\s*)(.*)$/.exec(line) ??
    [];
  if (head === undefined) return maskAll(line);
  return isDocumented(name) ? conceal(line, mask) : head + mask(value);
}

/** A continuation line of a variable's value. */
function maskRest(line: string, variable: string): string {
  return isDocumented(variable) ? conceal(line, mask) : maskAll(line);
}

function maskAll(line: string): string {
  return line.replace(/\S.*/, mask);
}

function followsSecretFlag(lines: readonly string[], index: number): boolean {
  const before = /(--?[A-Za-z][\w-]*)["']?\s*,?\s*$/.exec(lines[index - 1] ?? '')?.[1];
  return before !== undefined && isSecretFlag(before);
}

const variablesAfter = /^(.*?([\w-]+)["']?\s*:\s*)([^\s*&].*|&[\w-]+\s+\S.*)$/;
const variable = /(["']?([A-Za-z_]\w*)["']?\s*:\s*)("[^"]*"?|'[^']*'?|[^,{}]+)/g;
const capitals = /(?:^|[\s{,"'])[A-Z][A-Z0-9_]+["']?\s*:/;

/** `env: {…}` and `env: …` on one line, and mappings with upper-case names, which only variables have. */
function maskVariables(line: string): string {
  for (let from = 0; ;) {
    const [, head, key, rest] = variablesAfter.exec(line.slice(from)) ?? [];
    if (head === undefined || key === undefined || rest === undefined) break;
    if (isVariables(key)) return line.slice(0, from) + head + maskFlow(rest);
    from += head.length;
  }
  return line.includes('{') && capitals.test(line) ? line.replace(/\{.*/, maskFlow) : line;
}

/** `{NAME: value, …`; text without braces is masked entirely. */
function maskFlow(flow: string): string {
  if (!/^(&[\w-]+\s+)?\{/.test(flow)) return mask(flow);
  return flow.replaceAll(variable, (all: string, head: string, name: string, value: string) =>
    isDocumented(name) ? all : head + mask(value),
  );
}

const named = /([A-Za-z_]\w*)(["']?\s*[:=]\s*)([^\s,{}]+)/g;
const argument = /(--?[A-Za-z][\w-]*)(["']?[\s,=]+["']?)([^\s,"'\]=-][^\s,"'\]]*)/g;

/** A line outside secret sections may still contain a secret: by its name, in an argument, or in an address. */
function maskInside(line: string): string {
  const shown = line
    .replaceAll(named, (all: string, name: string, between: string, value: string) =>
      isSecret(name, value) || isVariable(name) ? name + between + mask(value) : all,
    )
    .replaceAll(argument, (all: string, flag: string, between: string, value: string) =>
      isSecretFlag(flag) ? flag + between + mask(value) : all,
    );
  return conceal(shown, mask);
}

/** Only variables have upper-case names. */
function isVariable(name: string): boolean {
  return /^[A-Z][A-Z0-9_]+$/.test(name) && !isDocumented(name);
}

/** `--set path=value`, or another option that sets a parameter (`--model X` is path `model`). */
export interface Setting {
  readonly path: string;
  readonly value: string;
  /** The option that it came from: `--set`, `--model`. */
  readonly flag: string;
}

/** As typed, for messages; a value that may be secret is hidden. */
export function shownSetting({ flag, path, value }: Setting): string {
  const shown = shownSettingValue(path.split('.'), value);
  return flag === '--set' ? `--set ${path}=${shown}` : `${flag} ${shown}`;
}

function shownSettingValue(path: readonly string[], value: string): string {
  const at = path.indexOf('env');
  if (at >= 0) return isHarmless(path[at + 1] ?? '', value) ? value : hiddenMark;
  if (isSecretParameter(path.at(-1) ?? '', []) && value !== '') return hiddenMark;
  return path.includes('engineArgs') ? shownLine([value], 0) : conceal(value);
}

export function badSetting(setting: Setting, problem: string, hint: string | undefined): DynamoError {
  return new DynamoError('usage', `${shownSetting(setting)}: ${problem}`, {
    hint,
    fields: { option: setting.flag, key: setting.path },
  });
}

/** The same profile with `***` in place of every value that may be secret. It can no longer be planned. */
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

/** Conceals every text in a value. */
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
