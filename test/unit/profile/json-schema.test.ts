/** The published JSON Schema is up to date, accepts all shipped profiles, and rejects what the loader rejects. */
import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type JsonSchema, profileJsonSchema } from '../../../src/profile/json-schema.ts';
import { good, shippedFolder } from './memory-files.ts';

const root = profileJsonSchema();

/** Paths at which a value violates a schema: an implementation of our keywords, independent of zod. */
function faults(schema: JsonSchema | boolean, value: unknown, path = ''): string[] {
  if (typeof schema === 'boolean') return schema ? [] : [path];
  if (schema.$ref !== undefined)
    return faults(root.$defs?.[schema.$ref.replace('#/$defs/', '')] ?? false, value, path);
  const own = [
    ...(schema.type !== undefined && ![schema.type].flat().some((type) => hasType(value, type))
      ? [path]
      : []),
    ...(schema.const !== undefined && schema.const !== value ? [path] : []),
    ...(schema.enum !== undefined && !schema.enum.includes(value as string) ? [path] : []),
    ...(typeof value === 'string' && schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)
      ? [path]
      : []),
    ...(typeof value === 'number' && (value < (schema.minimum ?? value) || value > (schema.maximum ?? value))
      ? [path]
      : []),
  ];
  const branch =
    schema.if !== undefined && (faults(schema.if, value).length === 0 ? schema.then : schema.else);
  return [
    ...own,
    ...(branch ? faults(branch, value, path) : []),
    ...choice(schema, value, path),
    ...children(schema, value, path),
  ];
}

function choice({ anyOf, oneOf }: JsonSchema, value: unknown, path: string): string[] {
  const ways = [...(anyOf ?? []), ...(oneOf ?? [])].map((way) => faults(way, value, path));
  if (ways.length === 0 || ways.some((way) => way.length === 0)) return [];
  // The alternative that gets furthest into the value is the intended one.
  return ways.toSorted((a, b) => (b[0]?.length ?? 0) - (a[0]?.length ?? 0))[0] ?? [];
}

function children(schema: JsonSchema, value: unknown, path: string): string[] {
  if (Array.isArray(value))
    return value.flatMap((item, i) => faults((schema.items as JsonSchema) ?? true, item, `${path}[${i}]`));
  if (typeof value !== 'object' || value === null) return [];
  const missing = (schema.required ?? [])
    .filter((key) => !Object.hasOwn(value, key))
    .map((key) => `${path}.${key}`);
  return [
    ...missing,
    ...Object.entries(value).flatMap(([key, child]) =>
      faults(schema.properties?.[key] ?? schema.additionalProperties ?? true, child, `${path}.${key}`),
    ),
  ];
}

function hasType(value: unknown, type: string): boolean {
  if (type === 'array') return Array.isArray(value);
  if (type === 'null') return value === null;
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return type === 'integer' ? Number.isInteger(value) : typeof value === type;
}

describe('profile.schema.json', () => {
  it('is up to date (node scripts/schema.js)', async () => {
    expect(JSON.parse(await readFile(`${shippedFolder}/profile.schema.json`, 'utf8'))).toEqual(root);
  });

  it('accepts every shipped profile, and each refers to it', async () => {
    const names = (await readdir(shippedFolder)).filter((name) => name.endsWith('.yaml'));
    expect(names).toHaveLength(12);
    for (const name of names) {
      const text = await readFile(`${shippedFolder}/${name}`, 'utf8');
      expect([name, ...faults(root, parse(text))]).toEqual([name]);
      expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./profile.schema.json');
    }
  });

  it.each([
    ['', []],
    ['modle: 1', ['.modle']],
    ['tracing: ${x}', []],
    ['tracing: maybe', ['.tracing']],
    ['env: {A: 1, B: true}', []],
    ['name: Bad Name', ['.name']],
  ])('%s', (line, expected) => {
    expect(faults(root, parse(`${good}${line}\n`))).toEqual(expected);
  });

  it('requires all keys of a complete profile, and none of one that extends', () => {
    expect(faults(root, { description: 'x' })).toEqual(['.model', '.components', '.proof']);
    expect(faults(root, { extends: 'agg', components: { worker: { replicas: 2, pageSize: null } } })).toEqual(
      [],
    );
    expect(faults(root, { extends: 'agg', components: { worker: { replcas: 2 } } })).toEqual([
      '.components.worker.replcas',
    ]);
    expect(faults(root, { extends: 'agg', components: { worker: { replicas: '2' } } })).toEqual([
      '.components.worker.replicas',
    ]);
  });
});
