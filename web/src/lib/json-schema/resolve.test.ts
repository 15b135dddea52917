import { describe, expect, it } from 'vitest';

import { resolve } from '@/lib/json-schema/resolve';
import type { Schema } from '@/lib/json-schema/types';

const kindOf = (schema: Schema, root: Schema = schema) => resolve(schema, root).kind;

describe('a schema resolves', () => {
  it('to the kind of field it needs', () => {
    expect(kindOf({ type: 'string' })).toBe('string');
    expect(kindOf({ type: 'string', format: 'date' })).toBe('date');
    expect(kindOf({ type: 'string', enum: ['a'] })).toBe('enum');
    expect(kindOf({ const: 'a' })).toBe('enum');
    expect(kindOf({ type: 'object', properties: {} })).toBe('object');
    expect(kindOf({ properties: { a: {} } })).toBe('object');
    expect(kindOf({ type: 'object', additionalProperties: { type: 'number' } })).toBe('map');
    expect(kindOf({ type: 'array', items: { type: 'string' } })).toBe('array');
  });

  it('to JSON where no simpler field fits', () => {
    expect(kindOf({})).toBe('json');
    expect(kindOf({ type: 'array' })).toBe('json');
    expect(kindOf({ type: ['string', 'number'] })).toBe('json');
    expect(kindOf({ anyOf: [{ type: 'string' }, { type: 'object', properties: {} }] })).toBe('json');
  });

  it('without the null it may hold', () => {
    for (const schema of [
      { type: ['integer', 'null'] },
      { anyOf: [{ type: 'integer' }, { type: 'null' }] },
      { oneOf: [{ type: 'null' }, { type: 'integer' }] },
    ]) {
      expect(resolve(schema, schema)).toMatchObject({ kind: 'integer', nullable: true });
    }
    expect(resolve({ enum: ['a', null] }, {})).toMatchObject({ kind: 'enum', nullable: true });
    expect(resolve({ type: 'integer' }, {})).toMatchObject({ nullable: false });
  });

  it('through references, with its own description first', () => {
    const root: Schema = { $defs: { 'a/b': { type: 'number', description: 'theirs' }, c: { $ref: '#/$defs/a~1b' } } };
    expect(resolve({ $ref: '#/$defs/c', description: 'mine' }, root).schema).toEqual({
      type: 'number',
      description: 'mine',
    });
  });

  it('with all parts of an allOf', () => {
    const schema: Schema = {
      allOf: [
        { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
        { properties: { b: { type: 'string' } }, required: ['b'] },
      ],
    };
    const { kind, schema: merged } = resolve(schema, schema);
    expect(kind).toBe('object');
    expect(Object.keys(merged.properties ?? {})).toEqual(['a', 'b']);
    expect(merged.required).toEqual(['a', 'b']);
  });

  it('not at all when a reference leads nowhere or to itself', () => {
    expect(() => resolve({ $ref: '#/$defs/x' }, {})).toThrow('The schema has no #/$defs/x.');
    expect(() => resolve({ $ref: '#/$defs/x' }, { $defs: { x: { $ref: '#/$defs/x' } } })).toThrow('leads to itself');
  });
});
