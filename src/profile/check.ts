/** A merged, substituted tree to a typed document, or everything that is wrong with it. */
import type { Diagnostic } from './diagnostic.ts';
import { explain } from './explain.ts';
import { infraFaults } from './infra-check.ts';
import { proofFaults } from './proof-check.ts';
import { textFaults } from './process-text.ts';
import { checkReferences } from './references.ts';
import { type ProfileDocument, profileSchema } from './schema.ts';
import { shapeFaults } from './shape.ts';
import { type Entry, keyPositionAt, type MapTree, toPlain, type Tree } from './tree.ts';

export function check(tree: MapTree, problems: Diagnostic[]): ProfileDocument | undefined {
  const written = textAsWritten(tree);
  problems.push(...checkReferences(written), ...textFaults(written));
  const parsed = profileSchema.safeParse(toPlain(written));
  if (!parsed.success) {
    problems.push(...explain(parsed.error.issues, written));
    return undefined;
  }
  const faults = [...shapeFaults(parsed.data), ...proofFaults(parsed.data), ...infraFaults(parsed.data)];
  for (const { path, message, fix } of faults) {
    problems.push({ at: keyPositionAt(written, path), message, fix });
  }
  return parsed.data;
}

/** Variables and raw arguments are text: `VERSION: 1.10` means those four characters, not the number 1.1. */
function textAsWritten(tree: MapTree): MapTree {
  return mapEntry(mapEntry(tree, 'env', asText), 'components', (components) =>
    components.kind === 'map' ? mapEntries(components, componentAsWritten) : components,
  );
}

function componentAsWritten(tree: Tree): Tree {
  return tree.kind === 'map' ? mapEntry(mapEntry(tree, 'env', asText), 'engineArgs', asText) : tree;
}

function asText(tree: Tree): Tree {
  if (tree.kind === 'map') return mapEntries(tree, asText);
  if (tree.kind === 'list') return { ...tree, items: tree.items.map(asText) };
  return tree.value === null ? tree : { ...tree, value: tree.text };
}

function mapEntries(tree: MapTree, change: (value: Tree) => Tree): MapTree {
  const changed = [...tree.entries].map(([key, entry]): [string, Entry] => [
    key,
    { ...entry, value: change(entry.value) },
  ]);
  return { ...tree, entries: new Map(changed) };
}

function mapEntry(tree: MapTree, key: string, change: (value: Tree) => Tree): MapTree {
  const entry = tree.entries.get(key);
  if (entry === undefined) return tree;
  return { ...tree, entries: new Map(tree.entries).set(key, { ...entry, value: change(entry.value) }) };
}
