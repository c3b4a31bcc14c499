/** The published JSON Schema of profiles, for editors; and the raw one, which error messages describe values from. */
import * as z from 'zod';
import { profileSchema } from './schema.ts';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

let raw: JsonSchema | undefined;

/** What zod makes of the schema. Built when first asked for: most commands never need it. */
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

/** Lets `${parameter}` stand wherever a string is not enough: at numbers, booleans, choices and patterns. */
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

/** The same with nothing required and every key deletable: what is merged over another profile. */
function asFragment(schema: JsonSchema): JsonSchema {
  if (schema.oneOf === undefined) {
    const { required: _, ...rest } = mapChildren(schema, (child) => nullable(asFragment(child)));
    return rest;
  }
  // A fragment of a component need not say its kind: whatever any kind has is allowed.
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
