import { MantineProvider } from '@mantine/core';
import { render, screen } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { useCallback, useState } from 'react';
import { describe, expect, it } from 'vitest';

import { SchemaForm } from '@/components/schema-form/schema-form';
import { withValueAt } from '@/lib/json-schema/fill';
import type { Json, JsonObject, Path, Schema } from '@/lib/json-schema/types';
import { agentIds, agentInfo } from '@/testing/definitions';

const NO_ERRORS = new Map<string, string>();
let latest: Json | undefined;

function Harness({ schema, start, errors = NO_ERRORS }: { schema: Schema; start: Json; errors?: Map<string, string> }) {
  const [value, setValue] = useState<Json | undefined>(start);
  latest = value;
  const change = useCallback(
    (path: Path, next: Json | undefined) => setValue((now) => withValueAt(now, path, next)),
    [],
  );
  return (
    <MantineProvider>
      <SchemaForm schema={schema} value={value} sample={start} idPrefix="form-" errors={errors} onChange={change} />
    </MantineProvider>
  );
}

function fill(schema: Schema, start: Json = {}, errors?: Map<string, string>) {
  render(<Harness schema={schema} start={start} {...(errors ? { errors } : {})} />);
  return userEvent.setup();
}

describe('a form of a schema', () => {
  it('has a labelled field for each kind of value, marked and explained', async () => {
    const user = fill({
      type: 'object',
      required: ['name'],
      properties: {
        name: { type: 'string', description: 'As in the passport' },
        size: { type: 'number' },
        born: { type: 'string', format: 'date' },
        colour: { type: 'string', enum: ['dark_red', 'blue'] },
        active: { type: 'boolean' },
      },
    });
    const name = screen.getByRole('textbox', { name: /Name/ });
    expect(name).toHaveAccessibleDescription('As in the passport');
    expect(name).toBeRequired();
    await user.type(name, 'Ada');
    await user.type(screen.getByRole('textbox', { name: 'Size' }), '-1.5');
    await user.type(screen.getByLabelText('Born'), '2026-03-04');
    await user.click(screen.getByRole('combobox', { name: 'Colour' }));
    await user.click(await screen.findByRole('option', { name: 'Dark red', hidden: true }));
    await user.click(screen.getByRole('radio', { name: 'No' }));

    expect(latest).toEqual({ name: 'Ada', size: -1.5, born: '2026-03-04', colour: 'dark_red', active: false });
  });

  it('adds and removes rows of a table of small objects', async () => {
    const item = { type: 'object', properties: { code: { type: 'string' }, quantity: { type: 'integer' } } };
    const user = fill(
      { type: 'object', properties: { lines: { type: 'array', items: item } } },
      { lines: [{ code: 'A', quantity: 1 }] },
    );
    expect(screen.getByRole('columnheader', { name: 'Quantity' })).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Add line' }));
    await user.type(screen.getByRole('textbox', { name: 'Code, line 2' }), 'B');
    expect(latest).toEqual({ lines: [{ code: 'A', quantity: 1 }, { code: 'B' }] });

    await user.click(screen.getByRole('button', { name: 'Remove line 1' }));
    expect(latest).toEqual({ lines: [{ code: 'B' }] });
  });

  it('adds and removes an optional part, and grows with a schema that refers to itself', async () => {
    const user = fill({ type: 'object', properties: { name: { type: 'string' }, parent: { $ref: '#' } } });
    await user.click(screen.getByRole('button', { name: 'Add parent' }));
    await user.type(screen.getAllByRole('textbox', { name: 'Name' })[1] as HTMLElement, 'Up');
    await user.click(screen.getByRole('button', { name: 'Add parent' }));
    expect(latest).toEqual({ parent: { name: 'Up', parent: {} } });
    await user.click(screen.getAllByRole('button', { name: 'Remove parent' })[0] as HTMLElement);
    expect(latest).toEqual({ parent: undefined });
  });

  it('takes entries under names of the caller’s own', async () => {
    const user = fill(
      { type: 'object', properties: { costs: { type: 'object', additionalProperties: { type: 'number' } } } },
      { costs: { Rent: 10 } },
    );
    await user.type(screen.getByRole('textbox', { name: 'Name of a new cost' }), 'Heat{Enter}');
    await user.type(screen.getByRole('textbox', { name: 'Costs: Heat' }), '5');
    expect(latest).toEqual({ costs: { Rent: 10, Heat: 5 } });

    await user.type(screen.getByRole('textbox', { name: 'Name of a new cost' }), 'Rent');
    expect(screen.getByText('This name is taken')).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Remove Rent' }));
    expect(latest).toEqual({ costs: { Heat: 5 } });
  });

  it('takes JSON for a value of several shapes, once it is JSON', async () => {
    const user = fill({ type: 'object', properties: { any: { type: ['string', 'number'] } } });
    const field = screen.getByRole('textbox', { name: 'Any' });
    await user.type(field, '"tw');
    expect(screen.getByText('This is not JSON yet.')).toBeVisible();
    expect(latest).toEqual({});
    await user.type(field, 'o"');
    expect(latest).toEqual({ any: 'two' });
  });

  it('shows an error at its field, in a table and in a nested part as well', () => {
    const item = { type: 'object', properties: { code: { type: 'string' }, quantity: { type: 'integer' } } };
    fill(
      {
        type: 'object',
        properties: {
          lines: { type: 'array', items: item },
          part: { type: 'object', properties: { note: { type: 'string' } } },
        },
      },
      { lines: [{ code: 'A', quantity: 1 }], part: { note: 'n' } },
      new Map([
        ['lines', 'too few'],
        ['lines.0.quantity', 'too small'],
        ['part.note', 'too short'],
      ]),
    );
    expect(screen.getByText('too few')).toBeVisible();
    expect(screen.getByRole('textbox', { name: 'Quantity, line 1' })).toHaveAccessibleDescription('too small');
    expect(screen.getByRole('textbox', { name: 'Note' })).toHaveAccessibleDescription('too short');
  });
});

describe('the form of an agent', () => {
  // Every n-th of the catalogue: each takes a moment to render.
  const ids = agentIds();
  const sample = ids.filter((_, index) => index % Math.ceil(ids.length / 12) === 0);

  it.each(sample)('%s has a field for every part of its input', (id) => {
    const agent = agentInfo(id);
    fill(agent.input, agent.example.input as JsonObject);
    for (const name of Object.keys(agent.input['properties'] as object)) {
      const key = CSS.escape(name);
      expect(document.querySelector(`[id$="-${key}"]`), name).not.toBeNull();
    }
  });
});
