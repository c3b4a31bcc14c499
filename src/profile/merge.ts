/**
 * The merge behind `extends` and `overlays`: mappings merge key by key, everything else replaces, null deletes.
 *
 * - A mapping over a mapping merges deeply; keys that only one side has are kept.
 * - A scalar or a list replaces what was there: lists are never joined.
 * - `key:` with nothing behind it (null) deletes the key, also where there is nothing to delete.
 * - What is kept keeps its position, so an error names the file that really says it.
 */
import type { Entry, MapTree, Tree } from './tree.ts';

export function merge(base: MapTree, over: MapTree): MapTree {
  const entries = new Map(base.entries);
  const gone = new Map([...(base.gone ?? []), ...(over.gone ?? [])]);
  for (const [key, { keyAt, value }] of over.entries) {
    const below = base.entries.get(key)?.value;
    const merged = mergeValue(below, value);
    if (merged === undefined) {
      entries.delete(key);
      gone.set(key, { at: keyAt, why: 'a key without a value deletes it' });
    } else {
      entries.set(key, { keyAt, value: merged });
    }
  }
  return { kind: 'map', at: over.at, entries, gone };
}

/** The same mapping with every null key gone, as merging it over nothing would leave it. */
export function withoutNulls(tree: MapTree): MapTree {
  return merge({ kind: 'map', at: tree.at, entries: new Map<string, Entry>() }, tree);
}

function mergeValue(base: Tree | undefined, over: Tree): Tree | undefined {
  if (over.kind === 'scalar' && over.value === null) return undefined;
  if (over.kind !== 'map') return over;
  return base?.kind === 'map' ? merge(base, over) : withoutNulls(over);
}
