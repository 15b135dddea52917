import { Button, Skeleton } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ComponentType } from 'react';

import { EmptyNote } from '@/components/empty-note';
import { ProblemAlert } from '@/components/problem-alert';
import { listBatchesOptions } from '@/features/batches/api/list-batches';
import { BatchBar } from '@/features/batches/components/batch-bar';
import classes from '@/features/batches/components/batch-list.module.css';
import { BatchStatus } from '@/features/batches/components/batch-status';
import { formatAgo, formatCount, formatMoment, formatUsd } from '@/lib/format';

/** The caller's batches, newest first; those that are not over are looked at again. */
export function BatchList({ AgentName }: { AgentName: ComponentType<{ id: string }> }) {
  const batches = useInfiniteQuery(listBatchesOptions);
  const items = batches.data?.pages.flatMap((page) => page.items) ?? [];
  if (batches.isError && !batches.data) {
    return <ProblemAlert error={batches.error} onRetry={() => void batches.refetch()} />;
  }
  if (batches.isPending)
    return <Skeleton height={160} radius="lg" role="status" aria-busy="true" aria-label="Loading batches" />;
  if (items.length === 0) {
    return <EmptyNote title="No batch yet">A batch runs one agent over many inputs and keeps every answer.</EmptyNote>;
  }
  return (
    <>
      <ul className={classes.list}>
        {items.map((batch) => (
          <li key={batch.id} className={classes.row}>
            <div>
              <Link to="/batches/$id" params={{ id: batch.id }} className={classes.link}>
                <AgentName id={batch.agent_id} />
              </Link>
              <span className={classes.facts}>
                {batch.counts && `${formatCount(batch.counts.total)} inputs · `}
                <time dateTime={batch.created_at} title={formatMoment(batch.created_at)}>
                  {formatAgo(batch.created_at)}
                </time>
              </span>
            </div>
            <BatchStatus status={batch.status} />
            <span className={classes.progress}>{batch.counts && <BatchBar counts={batch.counts} size="sm" />}</span>
            <span className={classes.cost}>{batch.cost_usd === null ? '–' : formatUsd(batch.cost_usd)}</span>
          </li>
        ))}
      </ul>
      {batches.isFetchNextPageError && <ProblemAlert error={batches.error} />}
      {batches.hasNextPage && (
        <div className={classes.more}>
          <Button variant="default" loading={batches.isFetchingNextPage} onClick={() => void batches.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
    </>
  );
}
