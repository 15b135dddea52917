import { describe, expect, it } from 'vitest';

import { blank, complete, missing, withValueAt } from '@/lib/json-schema/fill';
import type { JsonObject, Schema } from '@/lib/json-schema/types';
import { agentIds, agentInfo } from '@/testing/definitions';

const SCHEMA: Schema = {
  type: 'object',
  required: ['title', 'count', 'due', 'owner'],
  properties: {
    title: { type: 'string' },
    count: { type: 'integer' },
    due: { type: ['string', 'null'], format: 'date' },
    owner: { $ref: '#/$defs/person' },
    note: { type: 'string' },
    labels: { type: 'array', items: { type: 'string' } },
    reviewers: { type: 'array', items: { $ref: '#/$defs/person' } },
    budget: { anyOf: [{ type: 'number' }, { type: 'null' }] },
  },
  $defs: {
    person: { type: 'object', required: ['name'], properties: { name: { type: 'string' }, age: { type: 'integer' } } },
  },
};

describe('a completed value', () => {
  it('leaves out what is blank and optional', () => {
    const value = {
      title: 'A',
      count: 1,
      due: '2026-03-04',
      owner: { name: 'B', age: '' },
      note: '',
      labels: ['x', ''],
    };
    expect(complete(value, SCHEMA, SCHEMA)).toEqual({
      title: 'A',
      count: 1,
      due: '2026-03-04',
      owner: { name: 'B' },
      labels: ['x'],
    });
  });

  it('is null where something must be present and may be null', () => {
    expect(complete({ due: '' }, SCHEMA, SCHEMA)).toEqual({ due: null });
  });

  it('keeps null where the schema allows it', () => {
    expect(complete({ budget: null, due: '2026-01-01' }, SCHEMA, SCHEMA)).toEqual({ budget: null, due: '2026-01-01' });
  });

  it('turns figures typed as text into numbers, and leaves the rest to the API to refuse', () => {
    expect(complete({ count: '12', due: 'x' }, SCHEMA, SCHEMA)).toMatchObject({ count: 12 });
    expect(complete({ count: '-', due: 'x' }, SCHEMA, SCHEMA)).toMatchObject({ count: '-' });
  });

  it('keeps what the schema does not name', () => {
    expect(complete({ due: 'x', extra: 1 }, SCHEMA, SCHEMA)).toEqual({ due: 'x', extra: 1 });
  });
});

describe('what is missing', () => {
  it('is named by its path, inside of lists and of absent parts', () => {
    const value = { title: 'A', due: null, reviewers: [{ name: 'B' }, { age: 3 }] };
    expect(missing(value, SCHEMA, SCHEMA)).toEqual([['count'], ['owner', 'name'], ['reviewers', 1, 'name']]);
  });

  it('is nothing in an absent optional part', () => {
    const value = { title: 'A', count: 1, due: null, owner: { name: 'B' } };
    expect(missing(value, SCHEMA, SCHEMA)).toEqual([]);
  });
});

describe('a new part', () => {
  it('starts with its required parts and with defaults', () => {
    const schema: Schema = {
      type: 'object',
      required: ['lines', 'mode'],
      properties: {
        lines: { type: 'array', minItems: 1, items: { type: 'object', properties: { a: { type: 'string' } } } },
        mode: { type: 'string', enum: ['x', 'y'], default: 'x' },
        other: { type: 'array', items: { type: 'string' } },
      },
    };
    expect(blank(schema, schema)).toEqual({ lines: [{}], mode: 'x' });
  });

  it('ends where a schema refers to itself', () => {
    const tree: Schema = {
      type: 'object',
      required: ['name', 'children'],
      properties: { name: { type: 'string' }, children: { type: 'array', items: { $ref: '#' } } },
    };
    expect(blank(tree, tree)).toEqual({ children: [] });
  });
});

it('a change at a path leaves the rest as it was, and makes the way there', () => {
  const value: JsonObject = { a: { b: 1 }, list: [{ x: 1 }, { x: 2 }] };
  const next = withValueAt(value, ['list', 1, 'x'], 3) as JsonObject;
  expect(next).toEqual({ a: { b: 1 }, list: [{ x: 1 }, { x: 3 }] });
  expect(next['a']).toBe(value['a']);
  expect(value).toEqual({ a: { b: 1 }, list: [{ x: 1 }, { x: 2 }] });
  expect(withValueAt(undefined, ['p', 'q'], 'v')).toEqual({ p: { q: 'v' } });
});

it('the example of every agent passes through the form unchanged', () => {
  const ids = agentIds();
  expect(ids.length).toBeGreaterThan(0);
  for (const id of ids) {
    const agent = agentInfo(id);
    const schema = agent.input as Schema;
    const example = agent.example.input as JsonObject;
    expect(complete(example, schema, schema), id).toEqual(example);
    expect(missing(example, schema, schema), id).toEqual([]);
  }
});
