/** `--set components.prefill.replicas=2`: values of the command line written into the merged profile. */
import { type Document, parseDocument } from 'yaml';
import { nearest } from '../base/nearest.ts';
import { convert } from './convert.ts';
import type { Diagnostic } from './diagnostic.ts';
import { type JsonSchema, keysAt, schemaAt } from './json-schema.ts';
import { entriesAt, type MapTree, merge, type Position, toPlain, type Tree } from './tree.ts';
import { decimal } from './parameters.ts';
import { badSetting, type Setting, shownSetting } from './shown.ts';

/** The identity of a profile: not settable. */
const fixed = new Set(['name', 'aliases', 'upstreamScripts', 'extends', 'parameters', 'overlays']);

/** The profile with all settings applied that are not parameters. Throws `usage` for a path that does not exist. */
export function applySettings(
  tree: MapTree,
  settings: readonly Setting[],
  parameters: Iterable<string>,
): MapTree {
  const names = [...parameters];
  return settings
    .filter(({ path }) => !names.includes(path))
    .reduce((merged, setting) => applySetting(merged, setting, names), tree);
}

function applySetting(tree: MapTree, setting: Setting, parameters: readonly string[]): MapTree {
  const path = setting.path.split('.');
  const plain = toPlain(tree);
  for (const [depth, key] of path.entries()) {
    const valid = validKeys(tree, path.slice(0, depth), plain);
    if (valid === undefined || valid.includes(key)) continue;
    const names = depth === 0 ? [...parameters, ...valid] : valid;
    throw unknownPath(setting, path, depth, names);
  }
  const at = placeOf(setting);
  let value = parseSetting(setting, at, schemaAt(path, plain));
  for (const key of path.toReversed()) {
    value = { kind: 'map', at, entries: new Map([[key, { keyAt: at, value }]]) };
  }
  return value.kind === 'map' ? merge(tree, value) : tree;
}

function validKeys(tree: MapTree, path: readonly string[], plain: unknown): string[] | undefined {
  if (path.length === 1 && path[0] === 'components') return [...entriesAt(tree, path).keys()];
  const keys = keysAt(path, plain);
  if (path.length === 0) return keys?.filter((key) => !fixed.has(key));
  // A scalar has no keys; a mapping with free keys (env) accepts any.
  return keys;
}

function unknownPath(setting: Setting, path: readonly string[], depth: number, valid: readonly string[]) {
  const meant = nearest(path[depth] ?? '', valid);
  const place = depth === 0 ? 'parameter or key' : `key in ${path.slice(0, depth).join('.')}`;
  const fixedPath = path.with(depth, meant ?? '').join('.');
  return badSetting(
    setting,
    `there is no ${place} ${JSON.stringify(path[depth])}.`,
    meant === undefined
      ? `valid here: ${[...new Set(valid)].join(', ')}`
      : `did you mean ${shownSetting({ ...setting, path: fixedPath })}?`,
  );
}

function placeOf(setting: Setting): Position {
  const line = shownSetting(setting);
  return { source: { shown: setting.flag, lines: [line] }, line: 1, column: line.indexOf('=') + 2 };
}

/**
 * For a key that takes text, the value is used as typed, whatever it means in YAML: `---`, `null`, `1.10`. Otherwise it is
 * read as in a file: a number, a boolean, `null` to delete, `[a, b]`; invalid YAML becomes text, which the schema rejects.
 */
function parseSetting(setting: Setting, at: Position, schema: JsonSchema | undefined): Tree {
  const text: Tree = { kind: 'scalar', at, value: setting.value, text: setting.value };
  if (takesText(schema)) return chosen(text, setting);
  const isFlow = /^\s*[[{]/.test(setting.value);
  if (!isFlow && /[\n#:*&!|>%@`]/.test(setting.value)) return chosen(text, setting);
  const document: Document.Parsed = parseDocument(setting.value, { prettyErrors: false, logLevel: 'silent' });
  const faults: Diagnostic[] = [];
  if (document.errors.length > 0) return chosen(text, setting);
  const tree = convert(document, setting.value, () => at, faults);
  return chosen(faults.length > 0 || isOddScalar(tree, setting.value) ? text : tree, setting);
}

/** Whether a key takes text, including keys that convert numbers to text, such as variables. */
function takesText(schema: JsonSchema | undefined): boolean {
  const types = [schema?.type ?? schema?.anyOf?.map(({ type }) => type)].flat();
  return types.includes('string');
}

/** In YAML, `---` and an empty value are null, and `0x10` and `1e3` are numbers: not what users mean here. */
function isOddScalar(tree: Tree, written: string): boolean {
  if (tree.kind !== 'scalar') return false;
  if (tree.value === null) return !['null', '~'].includes(written);
  return typeof tree.value === 'number' && decimal(written) === undefined;
}

function chosen(tree: Tree, setting: Setting): Tree {
  const chooser = { kind: 'option' as const, text: shownSetting(setting) };
  return tree.kind === 'scalar' ? { ...tree, chooser } : tree;
}
