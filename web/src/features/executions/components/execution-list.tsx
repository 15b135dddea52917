import { Button, Skeleton } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ComponentType } from 'react';

import { EmptyNote } from '@/components/empty-note';
import { ProblemAlert } from '@/components/problem-alert';
import { isOver } from '@/features/executions/api/get-execution';
import {
  type ExecutionFilter,
  type ExecutionSummary,
  listExecutionsOptions,
} from '@/features/executions/api/list-executions';
import { EscalationBadge } from '@/features/executions/components/escalation-badge';
import classes from '@/features/executions/components/execution-list.module.css';
import { StatusBadge } from '@/features/executions/components/status-badge';
import { formatAgo, formatDuration, formatMoment, formatUsd } from '@/lib/format';

interface ExecutionListProps {
  filter: ExecutionFilter;
  /** Show what an agent and a group are called, by their ids. */
  AgentName: ComponentType<{ id: string }>;
  GroupName: ComponentType<{ id: string }>;
}

/** The caller's own runs, newest first; those that are not over are looked at again. */
export function ExecutionList({ filter, AgentName, GroupName }: ExecutionListProps) {
  const executions = useInfiniteQuery(listExecutionsOptions(filter));
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
  if (items.length === 0 && filter.status) {
    return <EmptyNote title={`No run is ${filter.status}`}>Choose another status to see the others.</EmptyNote>;
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
      <table className={classes.table} data-stale={executions.isPlaceholderData || undefined}>
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
            <Row key={execution.id} execution={execution} AgentName={AgentName} GroupName={GroupName} />
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

interface RowProps extends Omit<ExecutionListProps, 'filter'> {
  execution: ExecutionSummary;
}

function Row({ execution, AgentName, GroupName }: RowProps) {
  const [group = ''] = execution.agent_id.split('/');
  const isDone = isOver(execution.status);
  return (
    <tr>
      <td data-agent>
        <Link to="/executions/$id" params={{ id: execution.id }} className={classes.link}>
          <AgentName id={execution.agent_id} />
        </Link>
        <span className={classes.group}>
          <GroupName id={group} />
        </span>
      </td>
      <td>
        <span className={classes.verdict}>
          <StatusBadge status={execution.status} />
          {execution.escalation && <EscalationBadge escalation={execution.escalation} />}
        </span>
      </td>
      <td>
        <time dateTime={execution.started_at} title={formatMoment(execution.started_at)}>
          {formatAgo(execution.started_at)}
        </time>
      </td>
      <td data-optional>{modelOf(execution)}</td>
      <td data-figure data-optional>
        {isDone ? formatDuration(execution.duration_ms) : '–'}
      </td>
      <td data-figure>{isDone ? formatUsd(execution.cost_usd + execution.delegated_cost_usd) : '–'}</td>
    </tr>
  );
}

function modelOf(execution: ExecutionSummary): string {
  if (execution.cached) return 'Cached answer';
  return execution.provider === 'offline' ? 'Offline model' : execution.model;
}
