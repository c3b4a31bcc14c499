/** Converts nodes of the YAML library to our tree: resolves aliases, and reports duplicate and invalid keys. */
import { type Alias, type Document, isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import type { Diagnostic } from './diagnostic.ts';
import type { Entry, MapTree, Position, Scalar, Tree } from './tree.ts';

interface Conversion {
  readonly document: Document.Parsed;
  readonly text: string;
  readonly at: (offset: number) => Position;
  readonly problems: Diagnostic[];
  /** Converted anchored nodes, so that an alias costs nothing; undefined while one is being converted. */
  readonly done: Map<Node, Tree | undefined>;
}

export function convert(
  document: Document.Parsed,
  text: string,
  at: (offset: number) => Position,
  problems: Diagnostic[],
): Tree {
  return convertNode(document.contents, { document, text, at, problems, done: new Map() });
}

function convertNode(node: unknown, conversion: Conversion): Tree {
  const place = conversion.at(offsetOf(node));
  if (isAlias(node)) return follow(node, place, conversion);
  const anchored = (isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined;
  if (anchored) conversion.done.set(node, undefined);
  const tree = convertValue(node, place, conversion);
  if (anchored) conversion.done.set(node, tree);
  return tree;
}

function convertValue(node: unknown, at: Position, conversion: Conversion): Tree {
  if (isMap(node)) return convertMap(node, at, conversion);
  if (isSeq(node))
    return { kind: 'list', at, items: node.items.map((item) => convertNode(item, conversion)) };
  const value: unknown = isScalar(node) ? node.value : null;
  if (!isScalarValue(value)) {
    conversion.problems.push({
      at,
      message: 'values of this type are not supported in profiles',
      fix: 'quote it',
    });
    return { kind: 'scalar', at, value: null, text: '' };
  }
  const [start, end] = (isScalar(node) && node.range) || [0, 0];
  const written = typeof value === 'string' ? value : conversion.text.slice(start, end);
  return { kind: 'scalar', at, value, text: written };
}

function convertMap(map: YAMLMap, at: Position, conversion: Conversion): MapTree {
  const entries = new Map<string, Entry>();
  const merged: Entry[] = [];
  for (const { key, value } of map.items) {
    const keyAt = conversion.at(offsetOf(key));
    const name = keyName(key);
    const first = name === undefined ? undefined : entries.get(name);
    if (isMergeKey(key)) merged.push({ keyAt, value: convertNode(value, conversion) });
    else if (name === undefined || name === '__proto__') {
      conversion.problems.push({
        at: keyAt,
        message: 'a key must be a plain word',
        fix: 'quote values that start with { or [',
      });
    } else if (first !== undefined) {
      conversion.problems.push({
        at: keyAt,
        message: `duplicate key ${name}`,
        fix: `remove one: it is also on line ${first.keyAt.line}`,
      });
    } else {
      entries.set(name, { keyAt, value: convertNode(value, conversion) });
    }
  }
  for (const entry of merged) mergeInto(entries, entry, conversion.problems);
  return { kind: 'map', at, entries };
}

/** `<<: *name`, as YAML 1.1 and compose files have it. A quoted one is a key like any other. */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

/** A mapping's own keys win over merged ones; of several merged mappings, the first wins. */
function mergeInto(entries: Map<string, Entry>, { value }: Entry, problems: Diagnostic[]): void {
  const sources = value.kind === 'list' ? value.items : [value];
  for (const source of sources) {
    if (source.kind !== 'map') {
      problems.push({
        at: source.at,
        message: `<< merges mappings, got ${source.kind === 'list' ? 'a list' : JSON.stringify(source.value)}`,
        fix: 'write <<: *name, or <<: [*name, *other], where &name is a mapping',
      });
    } else {
      for (const [name, entry] of source.entries) if (!entries.has(name)) entries.set(name, entry);
    }
  }
}

function follow(alias: Alias, at: Position, conversion: Conversion): Tree {
  const target = alias.resolve(conversion.document);
  const tree = target === undefined ? undefined : conversion.done.get(target);
  if (tree !== undefined) return tree;
  conversion.problems.push({
    at,
    message:
      target === undefined
        ? 'no anchor (&name) precedes this alias (*name)'
        : `&${alias.source} contains itself`,
    fix:
      target === undefined
        ? 'quote the text if it starts with *, or write out the value'
        : 'write out the value',
  });
  return { kind: 'scalar', at, value: null, text: '' };
}

function keyName(key: unknown): string | undefined {
  if (!isScalar(key) || key.value === null || !isScalarValue(key.value)) return undefined;
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
}

function isScalarValue(value: unknown): value is Scalar {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function offsetOf(node: unknown): number {
  const ranged = isAlias(node) || isMap(node) || isSeq(node) || isScalar(node);
  return (ranged && node.range?.[0]) || 0;
}
