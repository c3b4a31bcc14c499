/**
 * YAML values with their positions, so that an error found after merging names the right line; and the merge itself.
 * The yaml package knows positions only of the nodes of one file, and drops them when it converts nodes to values.
 */

/** Where a value was written: a file, or a command-line option. */
export interface Source {
  /** As shown in messages: a relative path, or `--set`. */
  readonly shown: string;
  readonly lines: readonly string[];
}

export interface Position {
  readonly source: Source;
  /** Line and column are one-based; columns count UTF-16 units, as editors do. */
  readonly line: number;
  readonly column: number;
}

export type Scalar = string | number | boolean | null;

/** What set a value, if not the file itself. */
export interface Chooser {
  readonly kind: 'option' | 'environment';
  /** As typed: `--set replicas=0` or `MAX_TOTAL_TOKENS=x`. */
  readonly text: string;
}

export interface ScalarTree {
  readonly kind: 'scalar';
  readonly at: Position;
  readonly value: Scalar;
  /** As written, so that `1.10` in an environment variable does not become `1.1`. */
  readonly text: string;
  readonly chooser?: Chooser | undefined;
}

export interface ListTree {
  readonly kind: 'list';
  readonly at: Position;
  readonly items: readonly Tree[];
}

export interface Entry {
  readonly keyAt: Position;
  readonly value: Tree;
}

export interface MapTree {
  readonly kind: 'map';
  readonly at: Position;
  readonly entries: ReadonlyMap<string, Entry>;
  /** Keys that were written but count as absent, each with position and reason, for errors about missing keys. */
  readonly gone?: ReadonlyMap<string, Gone> | undefined;
}

export interface Gone {
  readonly at: Position;
  readonly why: string;
}

export type Tree = ScalarTree | ListTree | MapTree;
export type Path = readonly PropertyKey[];

/** A fault found in the checked values, by the path at which it is reported. */
export interface ShapeFault {
  readonly path: Path;
  readonly message: string;
  readonly fix: string;
}

export function toPlain(tree: Tree): unknown {
  switch (tree.kind) {
    case 'scalar':
      return tree.value;
    case 'list':
      return tree.items.map(toPlain);
    case 'map':
      return Object.fromEntries([...tree.entries].map(([key, { value }]) => [key, toPlain(value)]));
  }
}

/** The value at a path, if any. */
export function treeAt(tree: Tree, path: Path): Tree | undefined {
  let found: Tree | undefined = tree;
  for (const key of path) found = found && childOf(found, key);
  return found;
}

/** The mapping at a path; empty if there is none. */
export function entriesAt(tree: Tree, path: Path): ReadonlyMap<string, Entry> {
  const found = treeAt(tree, path);
  return found?.kind === 'map' ? found.entries : new Map();
}

/** The string at a path, if it is one. */
export function stringAt(tree: Tree, path: Path): string | undefined {
  const found = treeAt(tree, path);
  return found?.kind === 'scalar' && typeof found.value === 'string' ? found.value : undefined;
}

/** The strings of the list at a path. */
export function stringsAt(tree: Tree, path: Path): string[] {
  const found = treeAt(tree, path);
  if (found?.kind !== 'list') return [];
  return found.items.flatMap((item) =>
    item.kind === 'scalar' && typeof item.value === 'string' ? [item.value] : [],
  );
}

/** The position of the value at a path; if it is missing, of the nearest parent. */
export function positionAt(tree: Tree, path: Path): Position {
  let nearest = tree;
  for (const key of path) {
    const child = childOf(nearest, key);
    if (child === undefined) break;
    nearest = child;
  }
  return nearest.at;
}

/** The position of the last key in a path. */
export function keyPositionAt(tree: Tree, path: Path): Position {
  const parent = treeAt(tree, path.slice(0, -1));
  const key = String(path.at(-1));
  const entry = parent?.kind === 'map' ? parent.entries.get(key) : undefined;
  return entry?.keyAt ?? positionAt(tree, path);
}

function childOf(tree: Tree, key: PropertyKey): Tree | undefined {
  if (tree.kind === 'map') return tree.entries.get(String(key))?.value;
  return tree.kind === 'list' ? tree.items[Number(key)] : undefined;
}

/**
 * The merge behind `extends` and `overlays`: mappings merge key by key, everything else replaces, null deletes.
 *
 * - A mapping over a mapping merges deeply; keys that only one side has are kept.
 * - A scalar or a list replaces what was there: lists are never joined.
 * - `key:` without a value (null) deletes the key, also where there is nothing to delete.
 * - What is kept keeps its position, so an error names the file where it is written.
 */
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

/** The same mapping without null keys, as if merged over an empty one. */
export function withoutNulls(tree: MapTree): MapTree {
  return merge({ kind: 'map', at: tree.at, entries: new Map<string, Entry>() }, tree);
}

function mergeValue(base: Tree | undefined, over: Tree): Tree | undefined {
  if (over.kind === 'scalar' && over.value === null) return undefined;
  if (over.kind !== 'map') return over;
  return base?.kind === 'map' ? merge(base, over) : withoutNulls(over);
}
