/** The JSON Schema of profiles: the published one for editors, and the raw one from which error messages say what is expected. */
import * as z from 'zod';
import { profileSchema } from './schema.ts';
import type { Path } from './tree.ts';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

let raw: JsonSchema | undefined;

/** What zod makes of the schema. Built on first use: most commands never need it. */
export function rawJsonSchema(): JsonSchema {
  raw ??= z.toJSONSchema(profileSchema, { io: 'input', unrepresentable: 'any' });
  return raw;
}

/** What people may write: parameters instead of any scalar, and fragments where a profile extends another. */
export function profileJsonSchema(): JsonSchema {
  const { $schema: _, ...whole } = rawJsonSchema();
  const { name, extends: base, ...rest } = whole.properties ?? {};
  const full: JsonSchema = { ...whole, properties: { ...rest, name: true, extends: true } };
  const profile = withReferences(full);
  const fragment = asFragment(withReferences(full));
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:dynamo-launcher:profile',
    title: 'Launch profile of dynamo',
    type: 'object',
    properties: { ...(name && { name }), ...(base && { extends: base }) },
    if: { required: ['extends'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: { $ref: '#/$defs/fragment' },
    else: { $ref: '#/$defs/profile' },
    $defs: {
      profile: { ...overlaysAsFragments(profile), ...extensions },
      fragment: { ...overlaysAsFragments(fragment), ...extensions },
    },
  };
}

/** Keys of the file's own, for anchors. */
const extensions: JsonSchema = { patternProperties: { '^x-': true } };

const reference: JsonSchema = { type: 'string', pattern: '\\$\\{[a-zA-Z]' };

/** Allows `${parameter}` where a plain string is not valid: at numbers, booleans, choices and patterns. */
function withReferences(schema: JsonSchema): JsonSchema {
  const isScalar =
    ['number', 'integer', 'boolean'].includes(String(schema.type)) || schema.enum !== undefined;
  const isPattern = schema.type === 'string' && schema.pattern !== undefined;
  if (isScalar || isPattern) {
    const { description, default: preset, ...rest } = schema;
    return {
      ...(description !== undefined && { description }),
      ...(preset !== undefined && { default: preset }),
      anyOf: [rest, reference],
    };
  }
  return mapChildren(schema, withReferences);
}

/** The same with nothing required and every key deletable: for files that are merged over another profile. */
function asFragment(schema: JsonSchema): JsonSchema {
  if (schema.oneOf === undefined) {
    const { required: _, ...rest } = mapChildren(schema, (child) => nullable(asFragment(child)));
    return rest;
  }
  // A fragment of a component need not name its kind: keys of every kind are allowed.
  const kinds = schema.oneOf.map((kind) =>
    typeof kind === 'object' ? (asFragment(kind).properties ?? {}) : {},
  );
  const properties = Object.assign({}, ...kinds) as Record<string, JsonSchema>;
  const kind: JsonSchema = { enum: ['frontend', 'worker', null] };
  return { type: 'object', properties: { ...properties, kind }, additionalProperties: false };
}

function nullable(schema: JsonSchema): JsonSchema {
  const { description, default: preset, ...rest } = schema;
  if (Object.keys(rest).length === 0) return schema;
  const texts = {
    ...(description !== undefined && { description }),
    ...(preset !== undefined && { default: preset }),
  };
  return {
    ...texts,
    anyOf: [
      ...(rest.anyOf !== undefined && Object.keys(rest).length === 1 ? rest.anyOf : [rest]),
      { type: 'null' },
    ],
  };
}

function overlaysAsFragments(schema: JsonSchema): JsonSchema {
  const text = JSON.stringify(schema, (key, value: unknown) =>
    key === 'set' ? { $ref: '#/$defs/fragment' } : value,
  );
  return JSON.parse(text) as JsonSchema;
}

function mapChildren(schema: JsonSchema, change: (child: JsonSchema) => JsonSchema): JsonSchema {
  const changed: JsonSchema = { ...schema };
  if (schema.properties !== undefined) {
    changed.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([key, child]) => [
        key,
        typeof child === 'object' ? change(child) : child,
      ]),
    );
  }
  if (typeof schema.additionalProperties === 'object')
    changed.additionalProperties = change(schema.additionalProperties);
  if (typeof schema.items === 'object' && !Array.isArray(schema.items)) changed.items = change(schema.items);
  if (schema.oneOf !== undefined)
    changed.oneOf = schema.oneOf.map((each) => (typeof each === 'object' ? change(each) : each));
  return changed;
}

/** The schema at a path. `value` is the whole profile: the `kind` of a component decides which schema it has. */
export function schemaAt(path: Path, value: unknown): JsonSchema | undefined {
  let schema: JsonSchema | undefined = rawJsonSchema();
  let here = value;
  for (const key of path) {
    schema = schema && childSchema(chosen(schema, here), key);
    here = childOf(here, key);
  }
  return schema && chosen(schema, here);
}

/** Keys that are valid in the mapping at a path; undefined where any key is. */
export function keysAt(path: Path, value: unknown): string[] | undefined {
  const schema = schemaAt(path, value);
  if (schema?.properties !== undefined) return Object.keys(schema.properties);
  const kinds = options(schema);
  return kinds.length === 0
    ? undefined
    : [...new Set(kinds.flatMap(({ properties = {} }) => Object.keys(properties)))];
}

/** "integer from 1 to 64", "true or false", "one of a, b", "mapping". */
export function describe(schema: JsonSchema | undefined): string {
  if (schema === undefined) return 'nothing';
  if (schema.enum !== undefined)
    return schema.enum.length === 1 ? String(schema.enum[0]) : `one of ${schema.enum.join(', ')}`;
  if (schema.const !== undefined) return String(schema.const);
  if (schema.anyOf !== undefined) return joinWords(schema.anyOf.map((each) => describe(each)));
  // A union of plain types is one schema with several.
  const types: unknown = schema.type;
  if (Array.isArray(types)) return joinWords(types.map((type) => describe({ type: type as 'string' })));
  if (schema.type === 'integer' || schema.type === 'number') return `${schema.type}${range(schema)}`;
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'array') return 'list';
  if (schema.type !== 'string') return 'mapping';
  return schema.minLength === undefined ? 'string' : 'string that is not empty';
}

function range({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const above = exclusiveMinimum === undefined ? '' : ` above ${exclusiveMinimum}`;
  const low = minimum !== undefined && Number.isSafeInteger(minimum - 1) ? minimum : undefined;
  const high = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (low !== undefined && high !== undefined) return ` from ${low} to ${high}`;
  if (low !== undefined) return ` of at least ${low}`;
  return `${above}${high === undefined ? '' : `${above === '' ? '' : ' and'} up to ${high}`}`;
}

/** Of several schemas, the one with the value's `kind`. */
function chosen(schema: JsonSchema, value: unknown): JsonSchema {
  const kind = childOf(value, 'kind');
  return (
    options(schema).find(
      ({ properties }) => (properties?.['kind'] as JsonSchema | undefined)?.const === kind,
    ) ?? schema
  );
}

function options(schema: JsonSchema | undefined): JsonSchema[] {
  return (schema?.oneOf ?? []).filter((each): each is JsonSchema => typeof each === 'object');
}

function childSchema(schema: JsonSchema, key: PropertyKey): JsonSchema | undefined {
  const kinds = options(schema).map(
    ({ properties }) => (properties?.[String(key)] as JsonSchema | undefined)?.const,
  );
  if (kinds.length > 0)
    return kinds.includes(undefined) ? undefined : { enum: kinds.filter((kind) => kind !== undefined) };
  const { properties = {} } = schema;
  const named = Object.hasOwn(properties, key) ? properties[String(key)] : undefined;
  const found = named ?? (typeof key === 'number' ? schema.items : schema.additionalProperties);
  return typeof found === 'object' && !Array.isArray(found) ? found : undefined;
}

function childOf(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined;
}

function joinWords(words: readonly string[]): string {
  const unique = [...new Set(words)];
  return unique.length < 2 ? unique.join('') : `${unique.slice(0, -1).join(', ')} or ${unique.at(-1)}`;
}
