import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { EmptyNote } from '@/components/empty-note';
import { PagedRows } from '@/components/paged-rows';
import classes from '@/components/rows.module.css';
import { listWorkflowsOptions, type WorkflowSummary } from '@/features/workflows/api/list-workflows';
import { WorkflowStatus } from '@/features/workflows/components/workflow-status';
import { formatAgo, formatMoment } from '@/lib/format';

/** The reader's workflows and those of the platform, as far as the words are found in them. */
export function WorkflowList({ q }: { q: string | undefined }) {
  const workflows = useInfiniteQuery(listWorkflowsOptions(q));
  return (
    <PagedRows
      query={workflows}
      noun="workflows"
      empty={
        q ? (
          <EmptyNote title="No workflow matches">Try fewer or other words.</EmptyNote>
        ) : (
          <EmptyNote
            title="No workflow yet"
            action={<Button renderRoot={(props) => <Link {...props} to="/workflows/new" />}>Write one</Button>}
          >
            A workflow lets several agents work one after another or side by side, with people deciding in between.
          </EmptyNote>
        )
      }
    >
      {(workflow) => <Row key={workflow.id} workflow={workflow} />}
    </PagedRows>
  );
}

function Row({ workflow }: { workflow: WorkflowSummary }) {
  const { id, title, description, owner, status, steps, updated_at } = workflow;
  return (
    <li className={classes.row}>
      <div className={classes.main}>
        <Link to="/workflows/$id" params={{ id }} className={classes.link}>
          {title}
        </Link>
        {description && <span className={`${classes.note ?? ''} ${classes.clamped ?? ''}`}>{description}</span>}
      </div>
      <div className={classes.side}>
        <span className={classes.state}>
          <WorkflowStatus status={status} />
        </span>
        <span className={classes.fact}>{owner === 'platform' ? 'Platform' : 'Mine'}</span>
        <span className={classes.fact}>{steps === 1 ? '1 step' : `${steps} steps`}</span>
        <time className={classes.fact} data-wide dateTime={updated_at} title={formatMoment(updated_at)}>
          {formatAgo(updated_at)}
        </time>
      </div>
    </li>
  );
}
