/**
 * Takes secrets out of a plan, since plans are printed and stored. Secrets travel separately from the planner to the
 * supervisor, in memory or in its environment; each process gets only its own.
 */
import { DynamoError } from '../base/error.ts';
import {
  conceal,
  concealWords,
  hiddenMark,
  isDocumented,
  isHarmless,
  isSecret,
  isSecretParameter,
} from '../base/secrets.ts';
import type { Profile } from '../profile/profile.ts';
import type { Hidden, ProcessSpec } from './plan.ts';
import type { HostFacts, PlanOptions } from './request.ts';

/** Secret values, keyed by the names that the plan gives them. */
export type Secrets = Readonly<Record<string, string>>;

const namePrefix = 'DYNAMO_SECRET_';

/** Shorter values could occur inside ordinary words. */
const shortestKnown = 6;

/** `known`: values that are secret wherever they occur. The same input gives the same names. */
export function hideSecrets(
  specs: readonly ProcessSpec[],
  known: readonly string[],
): { readonly processes: readonly ProcessSpec[]; readonly secrets: Secrets } {
  const secrets = new Map<string, string>();
  const carry = (about: string, value: string): string => {
    const base = namePrefix + about.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '_');
    let name = base;
    for (let n = 2; secrets.has(name) && secrets.get(name) !== value; n++) name = `${base}_${n}`;
    secrets.set(name, value);
    return name;
  };
  const processes = specs.map((spec) => hideIn(spec, known, carry));
  return { processes, secrets: Object.fromEntries(secrets) };
}

type Carry = (about: string, value: string) => string;

function hideIn(spec: ProcessSpec, known: readonly string[], carry: Carry): ProcessSpec {
  const env: Record<string, string> = {};
  const argv: Record<string, string> = {};
  const shownEnv = Object.entries(spec.env).map(([name, value]): [string, string] => {
    if (isHarmless(name, value)) return [name, value];
    const { text, secret } = parted(value, isDocumented(name) ? conceal(value) : hiddenMark);
    env[name] = carry(name, secret);
    return [name, text];
  });
  const words = concealWords(spec.argv);
  const shownArgv = spec.argv.map((word, i) => {
    const shown = known.reduce((left, value) => left.replaceAll(value, hiddenMark), words[i] ?? word);
    if (shown === word) return word;
    const { text, secret } = parted(word, shown);
    argv[i] = carry(flagOf(spec.argv, i), secret);
    return text;
  });
  if (Object.keys(env).length + Object.keys(argv).length === 0) return spec;
  return { ...spec, argv: shownArgv, env: Object.fromEntries(shownEnv), hidden: { env, argv } };
}

/** The text with the secret part replaced by a mark, and that part; if they cannot be separated, nothing is shown. */
function parted(whole: string, shown: string): { readonly text: string; readonly secret: string } {
  const [head = '', tail = '', ...more] = shown.split(hiddenMark);
  const fits = more.length === 0 && whole.startsWith(head) && whole.endsWith(tail);
  if (!fits || head.length + tail.length > whole.length) return { text: hiddenMark, secret: whole };
  return { text: shown, secret: whole.slice(head.length, whole.length - tail.length) };
}

/** The part of a secret's name that says which argument it belongs to. */
function flagOf(argv: readonly string[], index: number): string {
  const flag = [argv[index], argv[index - 1]].find((word) => /^--?[a-z]/i.test(word ?? ''));
  return flag?.replace(/=.*/s, '').replace(/^-+/, '') ?? 'argument';
}

/** The process with its secrets filled in. Throws `internal` when one is missing. */
export function withSecrets<Spec extends ProcessSpec>(spec: Spec, secrets: Secrets): Spec {
  const { hidden } = spec;
  if (hidden === undefined) return spec;
  const full = (shown: string, carrier: string | undefined): string => {
    if (carrier === undefined) return shown;
    const value = secrets[carrier];
    if (value !== undefined) return shown.replace(hiddenMark, () => value);
    throw new DynamoError('internal', `${spec.name} needs ${carrier}, which did not reach its supervisor.`, {
      fields: { process: spec.name },
    });
  };
  return {
    ...spec,
    argv: spec.argv.map((word, i) => full(word, hidden.argv[i])),
    env: Object.fromEntries(
      Object.entries(spec.env).map(([name, value]) => [name, full(value, hidden.env[name])]),
    ),
  };
}

/** Values of variables and parameters whose name says that they are secret: hidden in any argument. */
export function knownSecrets(
  { env: shared, components, parameters }: Profile,
  { env: given }: Pick<PlanOptions, 'env'>,
  { environment }: Pick<HostFacts, 'environment'>,
): string[] {
  const own = Object.values(components).map(({ env }) => env);
  const variables = [shared, ...own, given, environment].flatMap((env) => Object.entries(env));
  const said = variables.filter(([name, value]) => isSecret(name, value)).map(([, value]) => value);
  const declared = Object.entries(parameters).flatMap(([name, { env = [], value }]) =>
    isSecretParameter(name, env) && typeof value === 'string' ? [value] : [],
  );
  return [...new Set([...said, ...declared])].flatMap((value) =>
    value !== undefined && value.length >= shortestKnown ? [value] : [],
  );
}

/** Names of variables of processes whose values are not in the plan. */
export function hiddenVariables(processes: readonly { readonly hidden?: Hidden | undefined }[]): string[] {
  return [...new Set(processes.flatMap(({ hidden }) => Object.keys(hidden?.env ?? {})))];
}
