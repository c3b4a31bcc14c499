/** What the schema wants at a path, in words: the keys that are valid there, and the kind of value. */
import { type JsonSchema, rawJsonSchema } from './json-schema.ts';
import type { Path } from './tree.ts';

/** The schema at a path. `value` is the whole profile: the `kind` of a component decides which schema it has. */
export function schemaAt(path: Path, value: unknown): JsonSchema | undefined {
  let schema: JsonSchema | undefined = rawJsonSchema();
  let here = value;
  for (const key of path) {
    schema = schema && childSchema(chosen(schema, here), key);
    here = child(here, key);
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

/** Of several schemas the one whose `kind` is the value's. */
function chosen(schema: JsonSchema, value: unknown): JsonSchema {
  const kind = child(value, 'kind');
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

function child(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined;
}

function joinWords(words: readonly string[]): string {
  const unique = [...new Set(words)];
  return unique.length < 2 ? unique.join('') : `${unique.slice(0, -1).join(', ')} or ${unique.at(-1)}`;
}
