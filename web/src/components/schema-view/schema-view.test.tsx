import { MantineProvider } from '@mantine/core';
import { render, screen, within } from '@testing-library/react';
import { describe, expect, it } from 'vitest';

import { SchemaView } from '@/components/schema-view/schema-view';
import { formatNumber } from '@/lib/format';
import type { Json, Schema } from '@/lib/json-schema/types';
import { agentIds, agentInfo } from '@/testing/definitions';

function show(value: Json, schema?: Schema) {
  render(
    <MantineProvider>
      <SchemaView value={value} schema={schema} />
    </MantineProvider>,
  );
}

describe('a value laid out for reading', () => {
  it('puts single values first, whatever their place in the schema', () => {
    const schema: Schema = {
      type: 'object',
      properties: {
        reasons: { type: 'array', items: { type: 'string' } },
        verdict: { type: 'string', enum: ['not_ok', 'ok'] },
        total: { type: ['number', 'null'], description: 'In euro' },
      },
    };
    show({ reasons: ['first', 'second'], verdict: 'not_ok', total: null }, schema);

    const texts = document.body.textContent;
    expect(texts.indexOf('Not ok')).toBeLessThan(texts.indexOf('first'));
    expect(screen.getByText('Total')).toHaveAttribute('title', 'In euro');
    expect(screen.getByText('none')).toBeVisible();
    expect(screen.getAllByRole('listitem').map((item) => item.textContent)).toEqual(['first', 'second']);
    expect(screen.getByRole('heading', { name: /Reasons/ })).toHaveTextContent('2');
  });

  it('makes a table of a list of objects, with long texts below their rows', () => {
    const long = 'A reason that is a good deal longer than any column of a table could hold.';
    show({ lines: [{ line: 1, status: 'ok', difference: 0, code: 'A', reason: long }] });

    const table = within(screen.getByRole('table'));
    expect(table.getAllByRole('columnheader').map((head) => head.textContent)).toEqual([
      'Line',
      'Status',
      'Difference',
      'Code',
    ]);
    expect(table.getAllByRole('row')).toHaveLength(3);
    expect(table.getByText(long)).toBeVisible();
  });

  it('keeps one long text in the table beside two short columns', () => {
    const long = 'A finding that takes a sentence to say, but has the room to say it in.';
    show({ evidence: [{ source: 'headers', finding: long, weight: 'strong' }] });
    expect(screen.getAllByRole('columnheader').map((head) => head.textContent)).toEqual([
      'Source',
      'Finding',
      'Weight',
    ]);
  });

  it('keeps the lines of a text, and the columns of what looks like code', () => {
    show({ letter: 'Dear colleague,\nthank you for the report.', query: 'SELECT 1\n  FROM dual' });
    expect(screen.getByText(/Dear colleague/).tagName).toBe('SPAN');
    expect(screen.getByText(/SELECT 1/).tagName).toBe('PRE');
  });

  it('shows dates and large numbers as people write them', () => {
    show(
      { due: '2026-03-04', amount: 1234567.5 },
      { type: 'object', properties: { due: { type: 'string', format: 'date' }, amount: { type: 'number' } } },
    );
    expect(screen.getByText('4 Mar 2026')).toBeVisible();
    expect(screen.getByText('1,234,567.5')).toBeVisible();
  });

  it('says so when there is nothing', () => {
    show({ findings: [], totals: {} });
    expect(screen.getAllByText('none')).toHaveLength(2);
  });
});

describe('the example answer of an agent', () => {
  const ids = agentIds();
  const sample = ids.filter((_, index) => index % Math.ceil(ids.length / 12) === 0);

  it.each(sample)('%s is shown whole', (id) => {
    const agent = agentInfo(id);
    show(agent.example.output as Json, agent.output);
    for (const text of leaves(agent.example.output as Json)) {
      expect(document.body.textContent).toContain(text);
    }
  });
});

/** Every number and every longer text of a value; short texts may be put into words. */
function leaves(value: Json | undefined): string[] {
  if (Array.isArray(value)) return value.flatMap(leaves);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(leaves);
  if (typeof value === 'number') return [formatNumber(value)];
  return typeof value === 'string' && value.includes(' ') ? [value.trimEnd()] : [];
}
