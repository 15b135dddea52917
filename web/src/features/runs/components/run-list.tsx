import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import { PagedRows } from '@/components/paged-rows';
import classes from '@/components/rows.module.css';
import { listRunsOptions, type RunFilter, type RunSummary } from '@/features/runs/api/list-runs';
import { RunStatus } from '@/features/runs/components/run-status';
import { nameOfRun, sourceInWords } from '@/features/runs/source-in-words';
import { formatAgo, formatDuration, formatMoment, formatUsd } from '@/lib/format';

interface RunListProps {
  filter: RunFilter;
  empty: ReactNode;
  /** Only the newest so many. */
  most?: number;
}

/** The reader's runs, the newest first; those that go on are looked at again. */
export function RunList({ filter, empty, most }: RunListProps) {
  const runs = useInfiniteQuery(listRunsOptions(filter, most));
  return (
    <PagedRows query={runs} noun="runs" empty={empty} isExtract={most !== undefined}>
      {(run) => <Row key={run.id} run={run} />}
    </PagedRows>
  );
}

function Row({ run }: { run: RunSummary }) {
  return (
    <li className={classes.row}>
      <div className={classes.main}>
        <Link to="/runs/$id" params={{ id: run.id }} className={classes.link}>
          {run.workflow_title}
        </Link>
        <span className={classes.note}>
          {[nameOfRun(run), sourceInWords(run.source), run.attempt > 1 && `attempt ${run.attempt}`, run.error?.message]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </div>
      <div className={classes.side}>
        <span className={classes.state}>
          <RunStatus status={run.status} />
        </span>
        <time className={classes.fact} data-wide dateTime={run.started_at} title={formatMoment(run.started_at)}>
          {formatAgo(run.started_at)}
        </time>
        <span className={classes.fact}>{run.duration_ms === null ? '–' : formatDuration(run.duration_ms)}</span>
        <span className={classes.fact}>{run.cost_usd === null ? '–' : formatUsd(run.cost_usd)}</span>
      </div>
    </li>
  );
}
