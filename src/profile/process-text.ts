/** Texts of a profile that no process can be given: with a NUL, or longer than the kernel takes. */
import { textFault } from '../base/process-limits.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { MapTree, Tree } from './tree.ts';

/** What reaches no process: it is shown, sent as a request, or has been merged and filled in already. */
const apart = new Set(['description', 'proof', 'parameters', 'overlays']);

export function textFaults(tree: MapTree): Diagnostic[] {
  return [...tree.entries].flatMap(([key, { value }]) => (apart.has(key) ? [] : faultsIn(value, [key])));
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
      const fix = fault.includes('NUL') ? 'remove it' : 'put it into a file, and give the path';
      // Also where an anchor brings it from a place that does not look like one of secrets.
      const secret = path.includes('env') || path.includes('engineArgs') ? true : undefined;
      const message = `${path.join('.')}: ${fault}`;
      return [{ at: tree.at, message, fix, chooser: tree.chooser?.kind, secret }];
    }
  }
}
