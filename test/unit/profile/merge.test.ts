/** Laws of merging, with arbitrary trees. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type MapTree,
  merge,
  type Position,
  toPlain,
  type Tree,
  withoutNulls,
} from '../../../src/profile/tree.ts';

const at: Position = { source: { shown: 'x', lines: [] }, line: 1, column: 1 };

function tree(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: 'list', at, items: value.map(tree) };
  if (typeof value === 'object' && value !== null) return map(value);
  return { kind: 'scalar', at, value: value as string | number | boolean | null, text: String(value) };
}

function map(value: object): MapTree {
  return {
    kind: 'map',
    at,
    entries: new Map(Object.entries(value).map(([key, child]) => [key, { keyAt: at, value: tree(child) }])),
  };
}

const merged = (base: object, over: object) => toPlain(merge(map(base), map(over)));
const { object } = fc.letrec<{ object: object; value: unknown }>((tie) => ({
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { noNullPrototype: true }),
  value: fc.oneof(
    { maxDepth: 3 },
    fc.integer(),
    fc.constant(null),
    fc.array(fc.integer(), { maxLength: 2 }),
    tie('object'),
  ),
}));
const clean = object.map((value) => toPlain(withoutNulls(map(value))) as object);

describe('merge', () => {
  it('merges mappings, replaces lists and scalars, deletes with null', () => {
    expect(
      merged({ a: { x: 1, y: [1, 2], z: 3 }, b: 1 }, { a: { y: [3], z: null, w: { n: null } }, b: { c: 1 } }),
    ).toEqual({
      a: { x: 1, y: [3], w: {} },
      b: { c: 1 },
    });
  });

  it('merging with nothing or with itself changes nothing', () => {
    fc.assert(
      fc.property(clean, (value) => {
        expect(merged(value, {})).toEqual(value);
        expect(merged({}, value)).toEqual(value);
        expect(merged(value, value)).toEqual(value);
      }),
    );
  });

  it('leaves no null in mappings', () => {
    fc.assert(
      fc.property(clean, object, (base, over) => {
        expect(JSON.stringify(merged(base, over))).not.toContain(':null');
      }),
    );
  });

  it('keeps every key that the override does not mention', () => {
    fc.assert(
      fc.property(clean, object, (base, over) => {
        const result = merged(base, over) as Record<string, unknown>;
        for (const [key, value] of Object.entries(base))
          if (!Object.hasOwn(over, key)) expect(result[key]).toEqual(value);
      }),
    );
  });
});
