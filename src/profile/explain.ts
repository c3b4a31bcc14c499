/** Schema errors in terms of the YAML that the user wrote, at their positions. */
import type { z } from 'zod';
import { nearest } from '../base/nearest.ts';
import { isHarmless, isSecret } from '../base/secrets.ts';
import { type Diagnostic, shownValue, typedValue } from './diagnostic.ts';
import { describe, keysAt, schemaAt } from './json-schema.ts';
import { shownLine } from './shown.ts';
import { keyPositionAt, type MapTree, type Path, positionAt, toPlain, treeAt } from './tree.ts';

type Issue = z.core.$ZodIssue;

export function explain(issues: readonly Issue[], tree: MapTree): Diagnostic[] {
  const plain = toPlain(tree);
  return issues.flatMap((issue): Diagnostic[] => {
    if (issue.code === 'unrecognized_keys') {
      return unknownKeys(issue.path, issue.keys, tree, plain);
    }
    return [
      issue.code === 'invalid_key' ? badKey(issue.path, issue.issues, tree) : badValue(issue, tree, plain),
    ];
  });
}

function unknownKeys(parent: Path, keys: readonly string[], tree: MapTree, plain: unknown): Diagnostic[] {
  const valid = keysAt(parent, plain) ?? [];
  return keys.map((key, i) => {
    const path = [...parent, key];
    // A hostile file may have a hundred thousand of them: suggestions are limited.
    const meant = i < 50 ? nearest(key, valid) : undefined;
    const fix = meant === undefined ? `valid here: ${valid.join(', ')}` : `did you mean ${meant}?`;
    return { at: keyPositionAt(tree, path), message: `${shownPathOf(path)}: unknown key`, fix };
  });
}

function badKey(path: Path, issues: readonly Issue[], tree: MapTree): Diagnostic {
  const [first] = issues;
  return {
    at: keyPositionAt(tree, path),
    message: `${shownPathOf(path)}: ${first?.message ?? 'not a valid name'}, got ${shownValue(String(path.at(-1)))}`,
  };
}

function badValue(issue: Issue, tree: MapTree, plain: unknown): Diagnostic {
  const { path } = issue;
  const found = treeAt(tree, path);
  const at = positionAt(tree, path);
  const schema = schemaAt(path, plain);
  const wanted = describe(schema);
  if (found === undefined) {
    const parent = treeAt(tree, path.slice(0, -1));
    const gone = parent?.kind === 'map' ? parent.gone?.get(String(path.at(-1))) : undefined;
    const why = gone === undefined ? '' : `, because ${gone.why}`;
    const fix = gone === undefined ? `add ${String(path.at(-1))}: (${wanted})` : `expected: ${wanted}`;
    return { at: gone?.at ?? at, message: `${shownPathOf(path)}: missing${why}`, fix };
  }
  const value = toPlain(found);
  const chooser = found.kind === 'scalar' ? found.chooser : undefined;
  const from = chooser === undefined || at.source.shown.startsWith('--') ? '' : ` (from ${chooser.text})`;
  // Our own message for a pattern explains more than the pattern.
  const expected = issue.code === 'invalid_format' ? issue.message : `expected ${wanted}`;
  if (holdsSecret(path, value)) {
    const plainText = path[0] === 'infra' && wanted === 'mapping';
    return {
      at,
      message: `${shownPathOf(path)}: ${plainText ? 'a secret in plain text' : expected}`,
      fix: plainText ? 'write {env: NAME} or {file: /path}, and store the secret there' : undefined,
      chooser: chooser?.kind,
      secret: true,
    };
  }
  const got =
    issue.code === 'invalid_type' || issue.code === 'invalid_union' ? typedValue(value) : shownValue(value);
  return {
    at,
    message: `${shownPathOf(path)}: ${expected}, got ${got}${from}`,
    fix: fixFor(value, path, plain),
    chooser: chooser?.kind,
  };
}

/** Whether a message must not repeat the value: credentials for etcd or NATS, variables, and arguments. */
function holdsSecret(path: Path, value: unknown): boolean {
  if (path[0] === 'infra')
    return isSecret(String(path.at(-1))) || (typeof value === 'string' && value.includes('@'));
  if (path[0] === 'parameters' || typeof value === 'object') return false;
  const at = path.indexOf('env');
  if (at >= 0) return !isHarmless(String(path[at + 1] ?? ''), shownValue(value));
  return path.includes('engineArgs') && typeof value === 'string' && shownLine([value], 0) !== value;
}

function fixFor(value: unknown, path: Path, plain: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const schema = schemaAt(path, plain);
  const type = schema?.type;
  if ((type === 'integer' || type === 'number') && /^-?\d+(\.\d+)?$/.test(value))
    return `remove the quotes: ${value}`;
  if (type === 'boolean' && /^(yes|on|true)$/i.test(value)) return 'write true';
  if (type === 'boolean' && /^(no|off|false)$/i.test(value)) return 'write false';
  if (type === 'array') return `write a list: [${value}]`;
  const meant = nearest(value, (schema?.enum ?? []).map(String));
  return meant === undefined ? undefined : `did you mean ${meant}?`;
}

/** `components.decode.replicas`, `overlays[0].when`. */
function shownPathOf(path: Path): string {
  if (path.length === 0) return 'profile';
  const parts = path.map((key, i) =>
    typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${String(key)}`,
  );
  return parts.join('');
}
