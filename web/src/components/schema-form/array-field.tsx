import { Button, CloseButton, Text } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';

import { type FieldProps, useFieldError, useFormState } from '@/components/schema-form/form-context';
import { isTabular } from '@/components/schema-form/layout';
import { ObjectFields } from '@/components/schema-form/object-field';
import { ScalarField } from '@/components/schema-form/scalar-field';
import classes from '@/components/schema-form/schema-form.module.css';
import { TableField } from '@/components/schema-form/table-field';
import { blank } from '@/lib/json-schema/fill';
import { isScalar, resolve } from '@/lib/json-schema/resolve';
import { singular } from '@/lib/json-schema/titles';
import type { Json, Schema } from '@/lib/json-schema/types';

/** A list: of single values in lines, of small objects in a table, of large ones in frames. */
export function ArrayField({ label, schema, path, value, required }: FieldProps) {
  const { root, change, idOf } = useFormState();
  const error = useFieldError(path);
  const itemSchema = schema.items ?? {};
  const items = Array.isArray(value) ? value : [];
  const one = singular(label);

  const add = () => change(path, [...items, blank(itemSchema, root) ?? '']);
  const remove = (index: number) => {
    const left = items.filter((_, position) => position !== index);
    change(path, left.length > 0 || required ? left : undefined);
  };

  return (
    <fieldset
      className={classes.list}
      id={idOf(path)}
      tabIndex={-1}
      data-section={(path.length === 1 && !isScalar(resolve(itemSchema, root).kind)) || undefined}
    >
      <legend className={classes.label}>
        {label}
        {required && <span className={classes.asterisk}> *</span>}
      </legend>
      {schema.description && <Text className={classes.hint}>{schema.description}</Text>}
      {error && <Text className={classes.error}>{error}</Text>}
      {items.length > 0 && isTabular(itemSchema, root) ? (
        <TableField label={label} items={items} itemSchema={itemSchema} path={path} onRemove={remove} />
      ) : (
        items.map((item, index) => (
          // Items have no identity of their own; their position is all there is.
          <Item
            key={index}
            label={`${one} ${index + 1}`}
            itemSchema={itemSchema}
            path={[...path, index]}
            item={item}
            onRemove={() => remove(index)}
          />
        ))
      )}
      <Button
        variant="subtle"
        color="gray"
        size="compact-sm"
        leftSection={<IconPlus size={14} />}
        onClick={add}
        className={classes.add}
      >
        Add {one.toLowerCase()}
      </Button>
    </fieldset>
  );
}

interface ItemProps {
  label: string;
  itemSchema: Schema;
  path: (string | number)[];
  item: Json;
  onRemove: () => void;
}

function Item({ label, itemSchema, path, item, onRemove }: ItemProps) {
  const { Field, root } = useFormState();
  const error = useFieldError(path);
  const { kind, schema } = resolve(itemSchema, root);
  const removeButton = <CloseButton size="sm" aria-label={`Remove ${label.toLowerCase()}`} onClick={onRemove} />;
  if (isScalar(kind)) {
    return (
      <div className={classes.line}>
        <div className={classes.cell}>
          <ScalarField bare label={label} schema={schema} path={path} value={item} required={false} kind={kind} />
        </div>
        {removeButton}
      </div>
    );
  }
  return (
    <div className={classes.frame} role="group" aria-label={label}>
      <div className={classes.frameHead}>
        <span>{label}</span>
        {removeButton}
      </div>
      {error && <Text className={classes.error}>{error}</Text>}
      {kind === 'object' ? (
        <ObjectFields schema={schema} path={path} value={item} />
      ) : (
        <Field label={label} schema={schema} path={path} value={item} required />
      )}
    </div>
  );
}
