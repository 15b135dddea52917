import { describe, expect, it } from 'vitest';

import { readInputFile } from '@/features/batches/input-file';

const read = (name: string, text: string) => readInputFile(name, new Blob([text]));

describe('a file of inputs', () => {
  it('as JSON Lines is counted, and sent along while it is small', async () => {
    expect(await read('a.jsonl', '{"a": 1}\n\n{"a": 2}')).toMatchObject({
      format: 'jsonl',
      count: 2,
      inputs: [{ a: 1 }, { a: 2 }],
      fault: null,
    });
  });

  it('is uploaded instead when it has more inputs than an order takes', async () => {
    const file = await read('a.jsonl', '{"a": 1}\n'.repeat(1001));
    expect(file).toMatchObject({ count: 1001, inputs: null, fault: null });
  });

  it('as CSV is counted by records, whatever a quoted cell holds', async () => {
    expect(await read('a.csv', 'name,note\r\nAda,"two\nlines"\r\nGrace,one\r\n')).toMatchObject({
      format: 'csv',
      count: 2,
      columns: ['name', 'note'],
      inputs: null,
      fault: null,
    });
  });

  it('that cannot be used says why', async () => {
    expect((await read('a.jsonl', '{"a": 1}\n[2]')).fault).toMatch(/^Line 2 is no JSON object/);
    expect((await read('a.csv', 'name,,note\n')).fault).toBe('The first line has to name every column.');
    expect((await read('a.csv', 'name\n')).fault).toBe('There is no input in it.');
  });

  it('pasted without a name is told by how it begins', async () => {
    expect((await read('', ' {"a": 1}')).format).toBe('jsonl');
    expect((await read('', 'name\nAda')).format).toBe('csv');
  });

  it('too large to be read whole is looked at in part', async () => {
    const line = `${JSON.stringify({ a: 'x'.repeat(990) })}\n`;
    expect(await read('a.jsonl', line.repeat(4100))).toMatchObject({ count: null, inputs: null, fault: null });
  });
});
