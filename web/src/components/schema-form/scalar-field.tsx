import { Input, NumberInput, SegmentedControl, Select, Textarea, TextInput } from '@mantine/core';
import { memo } from 'react';

import {
  type FieldProps,
  isSameField,
  sampleAt,
  useFieldError,
  useFormState,
} from '@/components/schema-form/form-context';
import { isLongText } from '@/components/schema-form/layout';
import classes from '@/components/schema-form/schema-form.module.css';
import { choicesOf, type Kind } from '@/lib/json-schema/resolve';
import { choiceLabel } from '@/lib/json-schema/titles';
import { asText, type Json, type Schema } from '@/lib/json-schema/types';

interface ScalarFieldProps extends FieldProps {
  kind: Kind;
  /** Inside a table the column's head is the label. */
  bare?: boolean;
}

/** One value: text, number, date, choice, or yes and no. */
export const ScalarField = memo(function ScalarField({
  label,
  schema,
  path,
  value,
  required,
  kind,
  bare = false,
}: ScalarFieldProps) {
  const { change, idOf, sample } = useFormState();
  const error = useFieldError(path);
  const set = (next: Json | undefined) => change(path, next);
  const shared = {
    id: idOf(path),
    error,
    required: false,
    ...(bare
      ? { 'aria-label': label, variant: 'unstyled' as const, size: 'sm' as const }
      : { label, description: schema.description, withAsterisk: required }),
    'aria-required': required,
  };

  switch (kind) {
    case 'enum':
      return (
        <Select
          {...shared}
          data={choicesOf(schema).map((choice) => ({ value: JSON.stringify(choice), label: choiceLabel(choice) }))}
          value={value === undefined || value === null ? null : JSON.stringify(value)}
          onChange={(choice) => set(choice === null ? undefined : (JSON.parse(choice) as Json))}
          placeholder={bare ? '' : 'Choose'}
          clearable={!required && !bare}
          allowDeselect={!required}
          comboboxProps={{ shadow: 'md' }}
        />
      );
    case 'boolean':
      return (
        <Input.Wrapper {...labelOf(shared)} labelElement="div">
          <SegmentedControl
            id={shared.id}
            aria-label={label}
            size="xs"
            data={[
              ...(required && value !== undefined ? [] : [{ value: '', label: 'Not given' }]),
              { value: 'true', label: 'Yes' },
              { value: 'false', label: 'No' },
            ]}
            value={value === true ? 'true' : value === false ? 'false' : ''}
            onChange={(choice) => set(choice === '' ? undefined : choice === 'true')}
            mt={bare ? 0 : 6}
          />
        </Input.Wrapper>
      );
    case 'number':
    case 'integer':
      return (
        <NumberInput
          {...shared}
          value={typeof value === 'number' || typeof value === 'string' ? value : ''}
          onChange={(figure) => set(figure === '' ? undefined : figure)}
          allowDecimal={kind === 'number'}
          clampBehavior="none"
          hideControls
          // A whole number is often a year or a position, which is not grouped.
          thousandSeparator={kind === 'number' ? ',' : ''}
          inputMode={kind === 'integer' ? 'numeric' : 'decimal'}
        />
      );
    case 'date':
      return (
        <TextInput {...shared} type="date" value={asText(value)} onChange={(event) => set(event.currentTarget.value)} />
      );
    default: {
      const text = {
        value: asText(value),
        onChange: (event: { currentTarget: { value: string } }) => set(event.currentTarget.value),
      };
      if (schema.format === 'date-time') return <TextInput {...shared} {...text} placeholder="2026-03-04T09:30:00Z" />;
      if (bare) return <Textarea {...shared} {...text} rows={1} classNames={{ input: classes.growing }} />;
      return isLong(schema, value, sampleAt(sample, path)) ? (
        <Textarea {...shared} {...text} autosize minRows={3} maxRows={18} />
      ) : (
        <TextInput {...shared} {...text} />
      );
    }
  }
}, isSameField);

function labelOf({
  label,
  description,
  error,
  withAsterisk,
}: {
  label?: string;
  description?: string | undefined;
  error: string | undefined;
  withAsterisk?: boolean;
}) {
  return { label, description, error, withAsterisk: withAsterisk ?? false };
}

/** Schemas do not say which texts are long; the example does. */
function isLong(schema: Schema, value: Json | undefined, sample: Json | undefined): boolean {
  return (schema.maxLength ?? 0) > 200 || [value, sample].some((text) => isLongText(asText(text)));
}
