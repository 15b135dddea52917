import { Alert, Button, Skeleton, Text } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { overviewOptions } from '@/features/analytics/api/reports';
import classes from '@/features/analytics/components/analytics.module.css';
import { OverviewTiles } from '@/features/analytics/components/overview-tiles';
import {
  BudgetsGone,
  CostByGroup,
  CostByUser,
  ErrorBreakdown,
  TimesByModel,
  TopAgents,
  WorkflowSuccess,
} from '@/features/analytics/components/report-tables';
import { Trends } from '@/features/analytics/components/trends';
import type { AnalyticsFilter } from '@/features/analytics/filter';
import type { Names } from '@/features/analytics/names';
import { EmptyNote } from '@/components/empty-note';
import { ForbiddenNote, isForbidden } from '@/components/forbidden-note';
import { ProblemAlert } from '@/components/problem-alert';
import { formatMoment } from '@/lib/format';

interface AnalyticsReportProps {
  filter: AnalyticsFilter;
  onChange: (filter: AnalyticsFilter) => void;
  /** Whether everybody's figures are shown. */
  isOfAll: boolean;
  names: Names;
}

/** All reports about a range: figures, charts and tables. */
export function AnalyticsReport({ filter, onChange, isOfAll, names }: AnalyticsReportProps) {
  const overview = useQuery(overviewOptions(filter));
  if (overview.isError && isForbidden(overview.error)) return <ForbiddenNote error={overview.error} />;
  if (overview.isError && !overview.data) {
    return <ProblemAlert error={overview.error} onRetry={() => void overview.refetch()} />;
  }
  if (!overview.data) {
    return (
      <div className={classes.stack} aria-busy="true" aria-label="Loading analytics">
        <Skeleton height={218} />
        <Skeleton height={340} />
      </div>
    );
  }
  const { as_of, complete, now, before } = overview.data;
  const ranNothing = now.executions === 0 && before.executions === 0;
  const isNarrowed = [filter.group, filter.agent, filter.model, filter.user].some((value) => value !== undefined);
  return (
    <div className={classes.stack}>
      {!complete && (
        <Alert color="yellow" icon={<IconRefresh />} title="The figures are not complete" role="status">
          They are still being counted from the audit log. This page follows by itself.
        </Alert>
      )}
      {ranNothing ? (
        <EmptyNote
          title={as_of === null ? 'No figures yet' : 'Nothing was executed then'}
          action={
            <Button variant="default" renderRoot={(props) => <Link {...props} to="/" />}>
              Find an agent
            </Button>
          }
        >
          {as_of !== null && isNarrowed
            ? 'Take a longer range, or let go of a filter.'
            : 'Execute an agent, or run a workflow: within seconds what it took and cost is counted here.'}
        </EmptyNote>
      ) : (
        <>
          <OverviewTiles overview={overview.data} isStale={overview.isPlaceholderData} />
          <Trends filter={filter} />
          <TopAgents filter={filter} onChange={onChange} names={names} />
          <div className={classes.pair}>
            <CostByGroup filter={filter} onChange={onChange} names={names} />
            <TimesByModel filter={filter} onChange={onChange} />
          </div>
          {isOfAll && <CostByUser filter={filter} onChange={onChange} />}
          <ErrorBreakdown filter={filter} names={names} />
        </>
      )}
      <WorkflowSuccess filter={filter} />
      <BudgetsGone filter={filter} names={names} />
      {as_of !== null && (
        <Text size="sm" c="dimmed">
          Counted up to <time dateTime={as_of}>{formatMoment(as_of)}</time>. Days and hours are those of UTC; cost is at
          list price.
        </Text>
      )}
    </div>
  );
}
