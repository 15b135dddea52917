import { describe, expect, it } from 'vitest';

import { lineOfField } from '@/features/workflows/place-of-fault';

const SOURCE = `name: a-b
input:
  type: object
steps:
  - id: extract
    kind: agent
    input:
      total: 1
  - kind: parallel
    id: checks
    branches:
      - steps:
          - {id: inner, kind: wait, seconds: 5}
          - id: other
            kind: wait
            seconds: 9
output: null
`;

describe('the line of a fault', () => {
  it.each([
    ['name', 1],
    ['input.type', 3],
    ['steps.extract', 5],
    ['steps.extract.input.total', 8],
    ['steps.other.seconds', 16],
    ['steps.inner.seconds', 13],
    ['steps.checks.branches', 11],
    ['steps.1.kind', 9],
    ['steps', 4],
    ['output', 17],
  ])('of %s is %d', (field, line) => {
    expect(lineOfField(SOURCE, field)).toBe(line);
  });

  it('is the step where the field is left out', () => {
    expect(lineOfField(SOURCE, 'steps.extract.agent')).toBe(5);
  });

  it('is unknown where nothing of it is found', () => {
    expect(lineOfField(SOURCE, 'steps.nowhere.input')).toBeNull();
    expect(lineOfField('', 'name')).toBeNull();
  });

  it('at the top is not that of the same name further in', () => {
    expect(lineOfField(SOURCE, 'type')).toBeNull();
    expect(lineOfField(SOURCE, 'kind')).toBeNull();
    expect(lineOfField('steps:\n- id: name\n  title: A\ntitle: B', 'title')).toBe(4);
    expect(lineOfField('steps:\n- id: name\n  title: A', 'name')).toBeNull();
  });

  it('is found in JSON as well', () => {
    const json = JSON.stringify({ input: { title: 'A' }, steps: [{ id: 'a', kind: 'wait', seconds: 1 }] }, null, 2);
    expect(lineOfField(json, 'steps.a.seconds')).toBe(9);
    expect(lineOfField(json, 'title')).toBeNull();
    expect(lineOfField('{"name": "a"}', 'name')).toBe(1);
  });
});
