/** What parameters change in a profile: `${name}` in its strings, and overlays. */
import { nearest } from '../base/nearest.ts';
import { type Diagnostic, shownValue } from './diagnostic.ts';
import { expected, isAllowed, type Parameters } from './parameters.ts';
import {
  entriesAt,
  type Entry,
  type MapTree,
  merge,
  type Scalar,
  type ScalarTree,
  type Tree,
  treeAt,
} from './tree.ts';

/** Parts of a profile that identify it or declare parameters, and so cannot use parameters. */
const untouched = new Set(['name', 'aliases', 'upstreamScripts', 'extends', 'parameters', 'overlays']);

export interface Substitution {
  readonly parameters: Parameters;
  /** Names that are referenced. */
  readonly used: Set<string>;
  readonly problems: Diagnostic[];
  /** For overlays that do not apply: unset parameters are not faults there. */
  readonly lenient?: boolean;
}

/**
 * The profile with every `${name}` outside its head replaced.
 *
 * - A scalar that is exactly `${name}` takes the typed value; when the parameter is unset, its key is left out.
 * - Inside a longer string the value is inserted; when the parameter is unset, that is an error.
 * - `$${` stands for `${`.
 */
export function substituteProfile(tree: MapTree, substitution: Substitution): MapTree {
  const entries = [...tree.entries].filter(([key]) => !untouched.has(key));
  const body = substitute({ ...tree, entries: new Map(entries) }, substitution);
  const head = [...tree.entries].filter(([key]) => untouched.has(key));
  return { ...body, entries: new Map([...head, ...body.entries]) };
}

export function substitute(tree: MapTree, substitution: Substitution): MapTree {
  const entries = new Map<string, Entry>();
  const gone = new Map(tree.gone);
  for (const [key, { keyAt, value }] of tree.entries) {
    const replaced = substituteTree(value, substitution);
    if (replaced !== undefined) entries.set(key, { keyAt, value: replaced });
    else gone.set(key, { at: value.at, why: `${value.kind === 'scalar' ? value.text : key} is unset` });
  }
  return { ...tree, entries, gone };
}

function substituteTree(tree: Tree, substitution: Substitution): Tree | undefined {
  switch (tree.kind) {
    case 'map':
      return substitute(tree, substitution);
    case 'list':
      return { ...tree, items: tree.items.flatMap((item) => substituteTree(item, substitution) ?? []) };
    case 'scalar':
      return typeof tree.value === 'string' && tree.value.includes('${')
        ? substituteText(tree, tree.value, substitution)
        : tree;
  }
}

function substituteText(tree: ScalarTree, text: string, substitution: Substitution): ScalarTree | undefined {
  const whole = /^\$\{([^{}]*)\}$/.exec(text)?.[1];
  if (whole !== undefined) {
    const found = lookUp(whole, tree, substitution);
    if (found?.value === undefined) return undefined;
    const { value, chooser } = found;
    return { ...tree, value, text: String(value), chooser };
  }
  let chooser = tree.chooser;
  const value = text.replaceAll(/\$\$\{|\$\{([^{}]*)\}|\$\{/g, (match, name: string | undefined) => {
    if (match === '$${') return '${';
    if (name === undefined) {
      substitution.problems.push({
        at: tree.at,
        message: '${ without a closing }',
        fix: 'write $${ for a literal ${',
      });
      return '';
    }
    const found = lookUp(name, tree, substitution);
    if (found !== undefined && found.value === undefined && substitution.lenient !== true) {
      substitution.problems.push({
        at: tree.at,
        message: `\${${name}} is part of a longer text, but the parameter is unset`,
        fix: `--set ${name}=…, or give it a default`,
      });
    }
    chooser ??= found?.chooser;
    return String(found?.value ?? '');
  });
  return { ...tree, value, text: value, chooser };
}

function lookUp(name: string, tree: ScalarTree, { parameters, used, problems }: Substitution) {
  used.add(name);
  const found = parameters.values.get(name);
  if (found !== undefined || parameters.broken.has(name)) return found;
  const meant = nearest(name, parameters.values.keys());
  problems.push({
    at: tree.at,
    message: `\${${name}}: there is no parameter ${name}`,
    fix: meant === undefined ? 'declare it under parameters:' : `did you mean \${${meant}}?`,
  });
  return undefined;
}

export interface Condition {
  readonly parameter: string;
  readonly value: Scalar;
}

/** The profile with all overlays merged over it whose conditions are met. */
export function applyOverlays(tree: MapTree, substitution: Substitution): MapTree {
  let merged = tree;
  for (const overlay of overlaysOf(tree)) {
    const conditions = conditionsOf(overlay, substitution);
    const set = treeAt(overlay, ['set']);
    if (set?.kind !== 'map') continue;
    const applies = conditions.every(
      ({ parameter, value }) => substitution.parameters.values.get(parameter)?.value === value,
    );
    if (applies) merged = merge(merged, substitute(set, substitution));
    else substitute(set, { ...substitution, lenient: true });
  }
  return merged;
}

/** The conditions of every overlay, to check each of them. */
export function allConditions(tree: MapTree): Condition[][] {
  return overlaysOf(tree).map((overlay) =>
    [...entriesAt(overlay, ['when'])].flatMap(([parameter, { value }]) =>
      value.kind === 'scalar' ? [{ parameter, value: value.value }] : [],
    ),
  );
}

function overlaysOf(tree: MapTree): readonly Tree[] {
  const list = treeAt(tree, ['overlays']);
  return list?.kind === 'list' ? list.items : [];
}

function conditionsOf(overlay: Tree, { parameters, problems, used }: Substitution): Condition[] {
  return [...entriesAt(overlay, ['when'])].flatMap(([parameter, { keyAt, value }]) => {
    if (value.kind !== 'scalar') return [];
    const condition = { parameter, value: value.value };
    used.add(parameter);
    const spec = parameters.values.get(parameter);
    if (spec !== undefined && value.value !== null && !isAllowed(value.value, spec)) {
      const message = `when: ${parameter} is never ${shownValue(value.value)}: expected ${expected(spec)}`;
      const meant = nearest(String(value.value), (spec.choices ?? []).map(String));
      problems.push({
        at: value.at,
        message,
        fix: meant === undefined ? undefined : `did you mean ${meant}?`,
      });
    }
    if (spec === undefined && !parameters.broken.has(parameter)) {
      const meant = nearest(parameter, parameters.values.keys());
      const fix = meant === undefined ? 'declare it under parameters:' : `did you mean ${meant}?`;
      problems.push({ at: keyAt, message: `when: there is no parameter ${parameter}`, fix });
    }
    return [condition];
  });
}
