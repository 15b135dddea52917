import { Button, CloseButton, Text } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';

import { type FieldProps, useFieldError, useFormState } from '@/components/schema-form/form-context';
import classes from '@/components/schema-form/schema-form.module.css';
import { widthOf } from '@/components/schema-form/layout';
import { blank } from '@/lib/json-schema/fill';
import { propertiesOf, resolve } from '@/lib/json-schema/resolve';
import { titleOf } from '@/lib/json-schema/titles';
import { isObject, type Json, type Path, type Schema } from '@/lib/json-schema/types';

/** A named part with fields of its own. An optional one is absent until it is added. */
export function ObjectField({ label, schema, path, value, required }: FieldProps) {
  const { root, change, idOf } = useFormState();
  const error = useFieldError(path);
  const isAbsent = !isObject(value);
  if (isAbsent && !required) {
    return (
      <div className={classes.absent}>
        <Button
          id={idOf(path)}
          variant="subtle"
          color="gray"
          size="compact-sm"
          leftSection={<IconPlus size={14} />}
          onClick={() => change(path, blank(schema, root) ?? {})}
        >
          Add {label.toLowerCase()}
        </Button>
        {schema.description && <Text className={classes.hint}>{schema.description}</Text>}
        {error && <Text className={classes.error}>{error}</Text>}
      </div>
    );
  }
  return (
    <fieldset className={classes.part} id={idOf(path)}>
      <legend className={classes.legend}>
        {label}
        {!required && (
          <CloseButton size="sm" aria-label={`Remove ${label.toLowerCase()}`} onClick={() => change(path, undefined)} />
        )}
      </legend>
      {schema.description && <Text className={classes.hint}>{schema.description}</Text>}
      {error && <Text className={classes.error}>{error}</Text>}
      <div className={classes.inside}>
        <ObjectFields schema={schema} path={path} value={value} />
      </div>
    </fieldset>
  );
}

/** The fields of an object, without a frame: short ones side by side, the others over the whole width. */
export function ObjectFields({ schema, path, value }: { schema: Schema; path: Path; value: Json | undefined }) {
  const { Field, root, sample } = useFormState();
  return (
    <div className={classes.fields}>
      {propertiesOf(resolve(schema, root).schema).map(([name, part, required]) => {
        const place = [...path, name];
        const given = isObject(value) ? value[name] : undefined;
        return (
          <div key={name} data-width={widthOf(part, given, sample, place, root)}>
            <Field label={titleOf(name, part)} schema={part} path={place} value={given} required={required} />
          </div>
        );
      })}
    </div>
  );
}
