import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { EmptyNote } from '@/components/empty-note';
import { PagedRows } from '@/components/paged-rows';
import classes from '@/components/rows.module.css';
import {
  type ApprovalChoice,
  type ApprovalSummary,
  listApprovalsOptions,
} from '@/features/approvals/api/list-approvals';
import { ApprovalStatus } from '@/features/approvals/components/approval-status';
import { formatAgo, formatAhead, formatMoment } from '@/lib/format';

/** What waits for the reader's decision, or what was decided. */
export function ApprovalList({ status }: { status: ApprovalChoice }) {
  const approvals = useInfiniteQuery(listApprovalsOptions(status));
  return (
    <PagedRows
      query={approvals}
      noun="approvals"
      empty={
        status === 'pending' ? (
          <EmptyNote title="Nothing waits for you">
            When a workflow needs your decision, it stands here and is counted beside “Approvals”.
          </EmptyNote>
        ) : (
          <EmptyNote title="Nothing was decided yet">
            Decisions that you could take stay here to be looked up.
          </EmptyNote>
        )
      }
    >
      {(approval) => <Row key={approval.id} approval={approval} />}
    </PagedRows>
  );
}

function Row({ approval }: { approval: ApprovalSummary }) {
  const { id, message, workflow_title, step_title, status, created_at, expires_at, decided_at, decided_by } = approval;
  const moment = decided_at ?? created_at;
  return (
    <li className={classes.row}>
      <div className={classes.main}>
        <Link to="/approvals/$id" params={{ id }} className={classes.link}>
          {message}
        </Link>
        <span className={classes.note}>
          {workflow_title} · {step_title}
          {decided_by && ` · by ${decided_by}`}
        </span>
      </div>
      <div className={classes.side}>
        <span className={classes.state}>
          <ApprovalStatus status={status} />
        </span>
        <time className={classes.fact} data-wide dateTime={moment} title={formatMoment(moment)}>
          {formatAgo(moment)}
        </time>
        {status === 'pending' && (
          <time className={classes.fact} dateTime={expires_at} title={formatMoment(expires_at)}>
            {formatAhead(expires_at)} left
          </time>
        )}
      </div>
    </li>
  );
}
