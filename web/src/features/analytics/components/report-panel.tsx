import { Skeleton } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';

import type { ReportName } from '@/features/analytics/api/reports';
import classes from '@/features/analytics/components/analytics.module.css';
import { CsvButton } from '@/features/analytics/components/csv-button';
import type { AnalyticsFilter } from '@/features/analytics/filter';
import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';

interface Column<Row> {
  label: string;
  show: (row: Row) => ReactNode;
  /** Words stand on the left, figures on the right. */
  isFigure?: boolean;
}

interface ReportPanelProps<Data, Row> {
  title: string;
  name: ReportName;
  filter: AnalyticsFilter;
  query: UseQueryResult<Data>;
  rowsOf: (data: Data) => Row[];
  keyOf: (row: Row) => string;
  /** The first names the row. */
  columns: Column<Row>[];
  /** Stands where there is nothing. */
  empty: string;
  actions?: ReactNode;
  /** What belongs to it besides. */
  below?: ((data: Data) => ReactNode) | undefined;
}

/** A report as a table, which may be stored as CSV. */
export function ReportPanel<Data, Row>(props: ReportPanelProps<Data, Row>) {
  const { title, name, filter, query, actions, rowsOf } = props;
  const hasRows = query.data !== undefined && rowsOf(query.data).length > 0;
  return (
    <Panel
      title={title}
      isFlush
      actions={
        <>
          {actions}
          {hasRows && <CsvButton name={name} what={title} filter={filter} />}
        </>
      }
    >
      <Content {...props} />
    </Panel>
  );
}

function Content<Data, Row>({ title, query, rowsOf, keyOf, columns, empty, below }: ReportPanelProps<Data, Row>) {
  if (query.isError && query.data === undefined) {
    return <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />;
  }
  if (query.data === undefined) {
    return (
      <div className={classes.none} aria-busy="true" aria-label={`Loading ${title}`}>
        <Skeleton height={150} />
      </div>
    );
  }
  const rows = rowsOf(query.data);
  if (rows.length === 0) return <div className={classes.none}>{empty}</div>;
  return (
    <>
      <div className={classes.scroll} tabIndex={0} role="group" aria-label={`${title}, table`}>
        <table className={classes.table} data-stale={query.isPlaceholderData || undefined}>
          <thead>
            <tr>
              {columns.map(({ label, isFigure }) => (
                <th key={label} scope="col" data-figure={isFigure}>
                  {label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={keyOf(row)}>
                {columns.map(({ label, show, isFigure }, place) =>
                  place === 0 ? (
                    <th key={label} scope="row">
                      {show(row)}
                    </th>
                  ) : (
                    <td key={label} data-figure={isFigure}>
                      {show(row)}
                    </td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {below?.(query.data)}
    </>
  );
}

/** What part of the whole a figure is, as a bar beneath it. */
export function ShareBar({ share, level }: { share: number; level?: 'high' | 'over' | undefined }) {
  return (
    <span className={classes.bar} data-level={level} aria-hidden="true">
      <span style={{ width: `${Math.min(100, Math.max(0, share * 100))}%` }} />
    </span>
  );
}
