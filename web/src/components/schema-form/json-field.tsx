import { JsonInput } from '@mantine/core';
import { useState } from 'react';

import { type FieldProps, useFieldError, useFormState } from '@/components/schema-form/form-context';
import type { Json } from '@/lib/json-schema/types';

/** A value of several possible shapes, written as JSON. */
export function JsonField({ label, schema, path, value, required }: FieldProps) {
  const { change, idOf } = useFormState();
  const error = useFieldError(path);
  const [draft, setDraft] = useState<string | null>(null);
  const isBroken = draft !== null && parsed(draft) === BROKEN;
  return (
    <JsonInput
      id={idOf(path)}
      label={label}
      description={schema.description}
      error={isBroken ? 'This is not JSON yet.' : error}
      withAsterisk={required}
      autosize
      minRows={2}
      maxRows={16}
      ff="monospace"
      value={draft ?? (value === undefined ? '' : JSON.stringify(value, null, 2))}
      onChange={(text) => {
        setDraft(text);
        const next = parsed(text);
        if (next !== BROKEN) change(path, next);
      }}
      onBlur={() => {
        if (!isBroken) setDraft(null);
      }}
    />
  );
}

const BROKEN = Symbol('not JSON');

function parsed(text: string): Json | undefined | typeof BROKEN {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return BROKEN;
  }
}
