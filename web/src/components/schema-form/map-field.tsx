import { Button, CloseButton, Text, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useRef, useState } from 'react';

import { type FieldProps, useFieldError, useFormState } from '@/components/schema-form/form-context';
import { ScalarField } from '@/components/schema-form/scalar-field';
import classes from '@/components/schema-form/schema-form.module.css';
import { blank } from '@/lib/json-schema/fill';
import { isScalar, resolve } from '@/lib/json-schema/resolve';
import { singular } from '@/lib/json-schema/titles';
import { isObject, type Json, type JsonObject } from '@/lib/json-schema/types';

/** Entries whose names the caller chooses, such as amounts by cost centre. */
export function MapField({ label, schema, path, value, required }: FieldProps) {
  const { Field, root, change, idOf } = useFormState();
  const error = useFieldError(path);
  const nameInput = useRef<HTMLInputElement>(null);
  const [newName, setNewName] = useState('');
  const entries: [string, Json | undefined][] = isObject(value) ? Object.entries(value) : [];
  const valueSchema = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {};
  const { kind, schema: flat } = resolve(valueSchema, root);
  const one = singular(label).toLowerCase();
  const name = newName.trim();
  const isTaken = entries.some(([taken]) => taken === name);

  const put = (next: [string, Json | undefined][]) => {
    const map: JsonObject = Object.fromEntries(next);
    change(path, next.length > 0 || required ? map : undefined);
  };
  const add = () => {
    if (!name || isTaken) {
      nameInput.current?.focus();
      return;
    }
    put([...entries, [name, blank(valueSchema, root) ?? '']]);
    setNewName('');
  };

  return (
    <fieldset className={classes.list} id={idOf(path)} tabIndex={-1}>
      <legend className={classes.label}>
        {label}
        {required && <span className={classes.asterisk}> *</span>}
      </legend>
      {schema.description && <Text className={classes.hint}>{schema.description}</Text>}
      {error && <Text className={classes.error}>{error}</Text>}
      {entries.map(([key, entry]) => (
        <div key={key} className={classes.entry}>
          <span className={classes.entryName}>{key}</span>
          <div className={isScalar(kind) ? classes.cell : classes.entryValue}>
            {isScalar(kind) ? (
              <ScalarField
                bare
                label={`${label}: ${key}`}
                schema={flat}
                path={[...path, key]}
                value={entry}
                required={false}
                kind={kind}
              />
            ) : (
              <Field label={key} schema={flat} path={[...path, key]} value={entry} required />
            )}
          </div>
          <CloseButton
            size="sm"
            aria-label={`Remove ${key}`}
            onClick={() => put(entries.filter(([other]) => other !== key))}
          />
        </div>
      ))}
      <div className={classes.entryNew}>
        <TextInput
          ref={nameInput}
          size="xs"
          error={isTaken ? 'This name is taken' : undefined}
          aria-label={`Name of a new ${one}`}
          placeholder="Name"
          value={newName}
          onChange={(event) => setNewName(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            event.preventDefault();
            add();
          }}
        />
        <Button variant="subtle" color="gray" size="compact-sm" leftSection={<IconPlus size={14} />} onClick={add}>
          Add {one}
        </Button>
      </div>
    </fieldset>
  );
}
