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
});
