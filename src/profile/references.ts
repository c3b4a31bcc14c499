/** Names of components that other components refer to: they exist, and nobody waits for itself. */
import { nearest } from '../base/nearest.ts';
import type { Diagnostic } from './diagnostic.ts';
import { entriesAt, keyPositionAt, type MapTree, positionAt, stringAt } from './tree.ts';

/** Looks at the tree, not at the parsed profile, so that these faults are told together with those of the schema. */
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
    message: `dependsOn: these components wait for each other: ${cycle.join(' → ')}`,
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
      message: `${path.join('.')}: ${host} has no GPU of its own, it shares one itself`,
      fix: 'name the component that has the GPU',
    },
  ];
}

function noComponent(path: readonly string[], wanted: string, names: readonly string[], what = 'component') {
  const meant = nearest(wanted, names);
  return {
    message: `${path.join('.')}: there is no ${what} ${JSON.stringify(wanted)}`,
    fix: meant === undefined ? `there are: ${names.join(', ') || 'none'}` : `did you mean ${meant}?`,
  };
}

/** The first cycle in the order of the file, its first name repeated at the end. */
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
