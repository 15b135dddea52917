import { Fragment } from 'react';

import { columnsOf, type Column } from '@/components/schema-view/columns';
import classes from '@/components/schema-view/schema-view.module.css';
import { useView } from '@/components/schema-view/view-context';
import type { JsonObject } from '@/lib/json-schema/types';
import type { Schema } from '@/lib/json-schema/types';

interface RecordsProps {
  records: JsonObject[];
  schema: Schema;
}

/**
 * Objects of one kind as a table. Where long texts or nested values would squeeze the columns, they get the width of
 * the table below their row.
 */
export function Records({ records, schema }: RecordsProps) {
  const { root } = useView();
  const { inRow, below } = columnsOf(records, schema, root);
  if (inRow.length === 0) return records.map((record, index) => <Below key={index} record={record} columns={below} />);
  return (
    <div className={classes.tableFrame} tabIndex={0} role="group" aria-label="Table">
      <table className={classes.table}>
        <thead>
          <tr>
            {inRow.map((column) => (
              <th key={column.name} scope="col" title={column.description} data-kind={column.kind}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {records.map((record, index) => (
            <Fragment key={index}>
              <tr>
                {inRow.map((column) => (
                  <td key={column.name} data-kind={column.kind}>
                    <Cell record={record} column={column} />
                  </td>
                ))}
              </tr>
              {below.some((column) => record[column.name] !== undefined) && (
                <tr className={classes.belowRow}>
                  <td colSpan={inRow.length}>
                    <Below record={record} columns={below} />
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Below({ record, columns }: { record: JsonObject; columns: Column[] }) {
  return (
    <dl className={classes.below}>
      {columns.map((column) => (
        <div key={column.name}>
          <dt title={column.description}>{column.title}</dt>
          <dd>
            <Cell record={record} column={column} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Cell({ record, column }: { record: JsonObject; column: Column }) {
  const { ValueView } = useView();
  const value = record[column.name];
  return value === undefined ? null : <ValueView value={value} schema={column.schema} />;
}
