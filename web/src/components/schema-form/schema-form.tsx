import { useMemo } from 'react';

import { Field } from '@/components/schema-form/field';
import { FormContext, type FormState } from '@/components/schema-form/form-context';
import { ObjectFields } from '@/components/schema-form/object-field';
import { type Json, type Path, pathKey, type Schema } from '@/lib/json-schema/types';

interface SchemaFormProps {
  schema: Schema;
  value: Json | undefined;
  sample?: Json;
  /** What the ids of the fields begin with; the path follows. */
  idPrefix: string;
  /** Messages by path, as `lines.0.quantity`. */
  errors: ReadonlyMap<string, string>;
  /** Told the new value of one place; has to stay the same function, or every field renders anew. */
  onChange: (path: Path, value: Json | undefined) => void;
}

/** The fields of a JSON Schema. It holds no state: the value comes in, and each change goes out. */
export function SchemaForm({ schema, value, sample, idPrefix, errors, onChange }: SchemaFormProps) {
  const state = useMemo<FormState>(
    () => ({
      Field,
      root: schema,
      sample,
      errors,
      change: onChange,
      idOf: (path) => `${idPrefix}${pathKey(path)}`,
    }),
    [schema, sample, errors, onChange, idPrefix],
  );
  return (
    <FormContext value={state}>
      <ObjectFields schema={schema} path={[]} value={value} />
    </FormContext>
  );
}
