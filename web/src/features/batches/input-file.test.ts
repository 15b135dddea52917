import { describe, expect, it } from 'vitest';

import { readInputFile } from '@/features/batches/input-file';

const read = (name: string, text: string) => readInputFile(name, new Blob([text]));

describe('a file of inputs', () => {
  it('as JSON Lines is counted without its empty lines', async () => {
    const text = '{"a": 1}\n\n{"a": 2}';
    expect(await read('a.jsonl', text)).toMatchObject({ format: 'jsonl', count: 2, text, fault: null });
  });

  it('as CSV is counted by records, whatever a quoted cell holds', async () => {
    expect(await read('a.csv', 'name,note\r\nAda,"two\nlines"\r\nGrace,one\r\n')).toMatchObject({
      format: 'csv',
      count: 2,
      columns: ['name', 'note'],
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

  it('too large to be sent says what to do with it', async () => {
    const line = `${JSON.stringify({ a: 'x'.repeat(990) })}\n`;
    expect((await read('a.jsonl', line.repeat(2600))).fault).toMatch(/may have 2\.5 MB.*POST \/api\/v1\/batches/);
  });
});
