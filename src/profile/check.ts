/** A merged, substituted tree to a typed document, or everything that is wrong with it. */
import { nearest } from '../base/nearest.ts';
import { textFault } from '../base/process-limits.ts';
import type { Diagnostic } from './diagnostic.ts';
import { explain } from './explain.ts';
import { infraFaults } from './infra.ts';
import { proofFaults, shapeFaults } from './shape.ts';
import { type ProfileDocument, profileSchema } from './schema.ts';
import {
  entriesAt,
  type Entry,
  keyPositionAt,
  type MapTree,
  positionAt,
  type ShapeFault,
  stringAt,
  toPlain,
  type Tree,
} from './tree.ts';

export function check(
  tree: MapTree,
  problems: Diagnostic[],
  faultsOf: (document: ProfileDocument) => readonly ShapeFault[],
): ProfileDocument | undefined {
  const written = textAsWritten(tree);
  problems.push(...checkReferences(written), ...textFaults(written));
  const parsed = profileSchema.safeParse(toPlain(written));
  if (!parsed.success) {
    problems.push(...explain(parsed.error.issues, written));
    return undefined;
  }
  const faults = [
    ...shapeFaults(parsed.data),
    ...proofFaults(parsed.data),
    ...infraFaults(parsed.data.infra),
    ...faultsOf(parsed.data),
  ];
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

/** Checks the tree, not the parsed profile, so that these faults are reported together with those of the schema. */
export function checkReferences(tree: MapTree): Diagnostic[] {
  const components = [...entriesAt(tree, ['components']).keys()];
  const edges = new Map(
    components.map((name) => [name, [...entriesAt(tree, ['components', name, 'dependsOn']).keys()]]),
  );
  const problems: Diagnostic[] = [];
  for (const [name, wanted] of edges) {
    for (const other of wanted.filter((each) => !components.includes(each))) {
      const path = ['components', name, 'dependsOn', other];
      problems.push({ at: keyPositionAt(tree, path), ...noComponent(path.slice(0, -1), other, components) });
    }
    problems.push(...checkSharing(tree, name, components));
  }
  const cycle = findCycle(edges);
  const [first, second] = cycle ?? [];
  if (cycle === undefined || first === undefined || second === undefined) return problems;
  problems.push({
    at: keyPositionAt(tree, ['components', first, 'dependsOn', second]),
    message: `dependsOn: these components depend on each other: ${cycle.join(' → ')}`,
    fix: 'remove one of the dependencies',
  });
  return problems;
}

function checkSharing(tree: MapTree, name: string, components: readonly string[]): Diagnostic[] {
  const path = ['components', name, 'shareGpuWith'];
  const host = stringAt(tree, path);
  if (host === undefined) return [];
  const at = positionAt(tree, path);
  const workers = components.filter(
    (each) => each !== name && stringAt(tree, ['components', each, 'kind']) === 'worker',
  );
  if (!workers.includes(host)) return [{ at, ...noComponent(path, host, workers, 'other worker') }];
  if (stringAt(tree, ['components', host, 'shareGpuWith']) === undefined) return [];
  return [
    {
      at,
      message: `${path.join('.')}: ${host} has no GPU of its own: it shares that of another component`,
      fix: 'name the component that has the GPU',
    },
  ];
}

function noComponent(path: readonly string[], wanted: string, names: readonly string[], what = 'component') {
  const meant = nearest(wanted, names);
  return {
    message: `${path.join('.')}: there is no ${what} ${JSON.stringify(wanted)}`,
    fix: meant === undefined ? `available: ${names.join(', ') || 'none'}` : `did you mean ${meant}?`,
  };
}

/** The first cycle in file order, with its first name repeated at the end. */
function findCycle(edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (name: string, above: readonly string[]): string[] | undefined => {
    const start = above.indexOf(name);
    if (start >= 0) return [...above.slice(start), name];
    if (done.has(name)) return undefined;
    done.add(name);
    for (const next of edges.get(name) ?? []) {
      const cycle = visit(next, [...above, name]);
      if (cycle !== undefined) return cycle;
    }
    return undefined;
  };
  for (const name of edges.keys()) {
    const cycle = visit(name, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Keys that are never passed to a process: they are shown, sent as a request, or already merged and substituted. */
const notPassed = new Set(['description', 'proof', 'parameters', 'overlays']);

export function textFaults(tree: MapTree): Diagnostic[] {
  return [...tree.entries].flatMap(([key, { value }]) => (notPassed.has(key) ? [] : faultsIn(value, [key])));
}

function faultsIn(tree: Tree, path: readonly string[]): Diagnostic[] {
  switch (tree.kind) {
    case 'map':
      return [...tree.entries].flatMap(([key, { value }]) => faultsIn(value, [...path, key]));
    case 'list':
      return tree.items.flatMap((item, i) => faultsIn(item, [...path, String(i)]));
    case 'scalar': {
      const variable = path.at(-2) === 'env' ? `${path.at(-1)}=` : '';
      const fault = textFault(tree.text, variable);
      if (fault === undefined) return [];
      const fix = fault.includes('NUL') ? 'remove it' : 'put it in a file, and pass the path';
      // An anchor may bring the value from a key that does not look secret.
      const secret = path.includes('env') || path.includes('engineArgs') ? true : undefined;
      const message = `${path.join('.')}: ${fault}`;
      return [{ at: tree.at, message, fix, chooser: tree.chooser?.kind, secret }];
    }
  }
}
