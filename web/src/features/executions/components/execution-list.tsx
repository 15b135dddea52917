import { Button, Skeleton } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { EmptyNote } from '@/components/empty-note';
import { ProblemAlert } from '@/components/problem-alert';
import { type ExecutionSummary, listExecutionsOptions } from '@/features/executions/api/list-executions';
import classes from '@/features/executions/components/execution-list.module.css';
import { StatusBadge } from '@/features/executions/components/status-badge';
import { formatAgo, formatDuration, formatMoment, formatUsd } from '@/lib/format';
import { titleOf } from '@/lib/json-schema/titles';

/** The caller's own runs, newest first. */
export function ExecutionList({ agentId }: { agentId: string | undefined }) {
  const executions = useInfiniteQuery(listExecutionsOptions(agentId));
  const items = executions.data?.pages.flatMap((page) => page.items) ?? [];

  if (executions.isError && !executions.data) {
    return <ProblemAlert error={executions.error} onRetry={() => void executions.refetch()} />;
  }
  if (executions.isPending) {
    return (
      <div aria-busy="true" aria-label="Loading executions">
        {Array.from({ length: 6 }, (_, row) => (
          <Skeleton key={row} height={44} mb={8} />
        ))}
      </div>
    );
  }
  if (items.length === 0) {
    return (
      <EmptyNote
        title="Nothing has been run yet"
        action={
          <Button variant="default" renderRoot={(props) => <Link {...props} to="/" />}>
            Find an agent
          </Button>
        }
      >
        Every run of an agent is recorded here with its input, its answer and its cost.
      </EmptyNote>
    );
  }
  return (
    <>
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">Agent</th>
            <th scope="col">Status</th>
            <th scope="col">Started</th>
            <th scope="col" data-optional>
              Model
            </th>
            <th scope="col" data-figure data-optional>
              Time
            </th>
            <th scope="col" data-figure>
              Cost
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((execution) => (
            <Row key={execution.id} execution={execution} />
          ))}
        </tbody>
      </table>
      {executions.isFetchNextPageError && <ProblemAlert error={executions.error} />}
      {executions.hasNextPage && (
        <div className={classes.more}>
          <Button
            variant="default"
            loading={executions.isFetchingNextPage}
            onClick={() => void executions.fetchNextPage()}
          >
            Show more
          </Button>
        </div>
      )}
    </>
  );
}

function Row({ execution }: { execution: ExecutionSummary }) {
  const [group = '', name = ''] = execution.agent_id.split('/');
  return (
    <tr>
      <td data-agent>
        <Link to="/executions/$id" params={{ id: execution.id }} className={classes.link}>
          {titleOf(name)}
        </Link>
        <span className={classes.group}>{titleOf(group)}</span>
      </td>
      <td>
        <StatusBadge status={execution.status} />
      </td>
      <td>
        <time dateTime={execution.started_at} title={formatMoment(execution.started_at)}>
          {formatAgo(execution.started_at)}
        </time>
      </td>
      <td data-optional>{execution.provider === 'offline' ? 'Offline model' : execution.model}</td>
      <td data-figure data-optional>
        {formatDuration(execution.duration_ms)}
      </td>
      <td data-figure>{formatUsd(execution.cost_usd)}</td>
    </tr>
  );
}
