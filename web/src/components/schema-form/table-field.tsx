import { CloseButton, Text } from '@mantine/core';

import { useFormState } from '@/components/schema-form/form-context';
import { ScalarField } from '@/components/schema-form/scalar-field';
import classes from '@/components/schema-form/schema-form.module.css';
import { propertiesOf, resolve } from '@/lib/json-schema/resolve';
import { singular, titleOf } from '@/lib/json-schema/titles';
import { isObject, type Json, type Path, pathKey, type Schema } from '@/lib/json-schema/types';

interface TableFieldProps {
  label: string;
  items: Json[];
  itemSchema: Schema;
  path: Path;
  onRemove: (index: number) => void;
}

/** A list of small objects as a table to type into; on narrow screens each row becomes a card with labels. */
export function TableField({ label, items, itemSchema, path, onRemove }: TableFieldProps) {
  const { root, errors } = useFormState();
  const one = singular(label).toLowerCase();
  const columns = propertiesOf(resolve(itemSchema, root).schema).map(([name, part, required]) => ({
    name,
    required,
    title: titleOf(name, part),
    ...resolve(part, root),
  }));
  return (
    <table className={classes.table}>
      <thead>
        <tr>
          {columns.map(({ name, title, required, schema, kind }) => (
            <th key={name} scope="col" title={schema.description} data-kind={kind}>
              {title}
              {required && <span className={classes.asterisk}> *</span>}
            </th>
          ))}
          <td className={classes.removeColumn} />
        </tr>
      </thead>
      <tbody>
        {items.map((item, index) => {
          const rowError = errors.get(pathKey([...path, index]));
          return (
            <tr key={index}>
              {columns.map(({ name, title, required, schema, kind }) => (
                <td key={name} data-label={title} data-kind={kind}>
                  <ScalarField
                    bare
                    label={`${title}, ${one} ${index + 1}`}
                    schema={schema}
                    path={[...path, index, name]}
                    value={isObject(item) ? item[name] : undefined}
                    required={required}
                    kind={kind}
                  />
                </td>
              ))}
              <td className={classes.removeColumn}>
                <CloseButton size="sm" aria-label={`Remove ${one} ${index + 1}`} onClick={() => onRemove(index)} />
                {rowError && <Text className={classes.error}>{rowError}</Text>}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
