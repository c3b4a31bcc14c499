/** Overlays: parts of a profile that apply when parameters have certain values, in order, by the merge of `extends`. */
import { nearest } from '../base/nearest.ts';
import { shownValue } from './diagnostic.ts';
import { merge } from './merge.ts';
import { expected, isAllowed } from './parameter-value.ts';
import { substitute, type Substitution } from './substitute.ts';
import { entriesAt, type MapTree, type Scalar, type Tree, treeAt } from './tree.ts';

export interface Condition {
  readonly parameter: string;
  readonly value: Scalar;
}

/** The profile with all overlays merged over it whose conditions hold. */
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

/** The conditions of every overlay, for a check of all of them. */
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
