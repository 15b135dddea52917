import { Anchor, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import type { Batch } from '@/features/batches/api/get-batch';
import classes from '@/features/batches/components/batch-header.module.css';
import { BatchStatus } from '@/features/batches/components/batch-status';
import { formatMoment } from '@/lib/format';

interface BatchHeaderProps {
  batch: Batch;
  /** The agent by its name. */
  agent: ReactNode;
}

export function BatchHeader({ batch, agent }: BatchHeaderProps) {
  return (
    <header className={classes.header}>
      <nav aria-label="Breadcrumb" className={classes.crumbs}>
        <Anchor inherit renderRoot={(props) => <Link {...props} to="/batches" />}>
          Batches
        </Anchor>
      </nav>
      <Title order={1}>{agent}</Title>
      <div className={classes.facts}>
        <span role="status">
          <BatchStatus status={batch.status} />
        </span>
        <time dateTime={batch.created_at}>{formatMoment(batch.created_at)}</time>
        <span className={classes.id}>{batch.id}</span>
      </div>
    </header>
  );
}
