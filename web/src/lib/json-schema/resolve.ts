import type { Json, Schema } from '@/lib/json-schema/types';

/** How a value is edited and shown. `json` is what has no simpler shape, such as a union of types. */
export type Kind = 'object' | 'map' | 'array' | 'enum' | 'boolean' | 'number' | 'integer' | 'date' | 'string' | 'json';

/** A schema without references and null unions: what a field needs to know. */
export interface Resolved {
  kind: Kind;
  schema: Schema;
  nullable: boolean;
}

/** Follows `$ref`, merges `allOf` and takes the null out of `type: [x, "null"]` and `anyOf: [x, null]`. */
export function resolve(schema: Schema, root: Schema): Resolved {
  const flat = flatten(schema, root);
  const branches = flat.anyOf ?? flat.oneOf;
  if (branches) {
    const real = branches.map((branch) => flatten(branch, root)).filter((branch) => branch.type !== 'null');
    const only = real[0];
    if (real.length === 1 && only) {
      const { anyOf: _anyOf, oneOf: _oneOf, ...outside } = flat;
      const inner = resolve({ ...only, ...outside }, root);
      return { ...inner, nullable: inner.nullable || real.length < branches.length };
    }
    return { kind: 'json', schema: flat, nullable: real.length < branches.length };
  }
  const types = typeof flat.type === 'string' ? [flat.type] : (flat.type ?? []);
  const real = types.filter((type) => type !== 'null');
  const nullable = real.length < types.length || (flat.enum?.includes(null) ?? false);
  return { kind: kindOf(flat, real), schema: flat, nullable };
}

/** The named parts of an object, in the author's order. */
export function propertiesOf(schema: Schema): [name: string, schema: Schema, required: boolean][] {
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {}).map(([name, part]) => [name, part, required.has(name)]);
}

/** The values an `enum` or `const` allows, without null. */
export function choicesOf(schema: Schema): Json[] {
  const choices = schema.enum ?? (schema.const === undefined ? [] : [schema.const]);
  return choices.filter((choice) => choice !== null);
}

export function isScalar(kind: Kind): boolean {
  return !['object', 'map', 'array', 'json'].includes(kind);
}

function kindOf(schema: Schema, types: string[]): Kind {
  if (schema.enum || schema.const !== undefined) return 'enum';
  const type = types.length === 1 ? types[0] : types.length === 0 ? impliedType(schema) : undefined;
  switch (type) {
    case 'object':
      return schema.properties ? 'object' : 'map';
    case 'array':
      return schema.items ? 'array' : 'json';
    case 'string':
      return schema.format === 'date' ? 'date' : 'string';
    case 'boolean':
    case 'number':
    case 'integer':
      return type;
    default:
      return 'json';
  }
}

function impliedType(schema: Schema): string | undefined {
  if (schema.properties) return 'object';
  return schema.items ? 'array' : undefined;
}

function flatten(schema: Schema, root: Schema, depth = 0): Schema {
  if (depth > 20) throw new Error(`The reference ${schema.$ref ?? ''} leads to itself.`);
  if (schema.$ref !== undefined) {
    const { $ref, ...outside } = schema;
    return flatten({ ...lookUp($ref, root), ...outside }, root, depth + 1);
  }
  if (schema.allOf) {
    const { allOf, ...outside } = schema;
    const parts = [...allOf.map((part) => flatten(part, root, depth + 1)), outside];
    return parts.reduce<Schema>(
      (merged, part) => ({
        ...merged,
        ...part,
        properties: { ...merged.properties, ...part.properties },
        required: [...(merged.required ?? []), ...(part.required ?? [])],
      }),
      {},
    );
  }
  return schema;
}

function lookUp(reference: string, root: Schema): Schema {
  if (reference === '#') return root;
  const steps = reference.replace(/^#\//, '').split('/');
  let place: unknown = root;
  for (const step of steps) {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    place = (place as Record<string, unknown> | undefined)?.[name];
  }
  if (typeof place !== 'object' || place === null) throw new Error(`The schema has no ${reference}.`);
  return place;
}
