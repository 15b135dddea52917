import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { EmptyNote } from '@/components/empty-note';
import { PagedRows } from '@/components/paged-rows';
import classes from '@/components/rows.module.css';
import { listToolApprovalsOptions, type ToolApproval } from '@/features/tool-approvals/api/tool-approvals';
import { ToolCallStatus } from '@/features/tool-approvals/components/tool-call-status';
import { formatAgo, formatMoment } from '@/lib/format';

/** What agents want to do beyond reading, to be decided, or as it was. */
export function ToolCallList({ status }: { status: 'pending' | 'decided' }) {
  const calls = useInfiniteQuery(listToolApprovalsOptions(status));
  return (
    <PagedRows
      query={calls}
      noun="calls of tools"
      empty={
        <EmptyNote title={status === 'pending' ? 'No agent asks for anything' : 'No call was decided yet'}>
          When an agent wants to change something outside, its exact call stands here.
        </EmptyNote>
      }
    >
      {(call) => <Row key={call.id} call={call} />}
    </PagedRows>
  );
}

function Row({ call }: { call: ToolApproval }) {
  const { id, tool, agent_id, effect, status, created_at } = call;
  return (
    <li className={classes.row}>
      <div className={classes.main}>
        <Link to="/tool-approvals/$id" params={{ id }} className={classes.link}>
          {agent_id} wants to call {tool}
        </Link>
        <span className={classes.note}>{effect === 'destroys' ? 'Destroys something' : 'Writes something'}</span>
      </div>
      <div className={classes.side}>
        <span className={classes.state}>
          <ToolCallStatus status={status} />
        </span>
        <time className={classes.fact} dateTime={created_at} title={formatMoment(created_at)}>
          {formatAgo(created_at)}
        </time>
      </div>
    </li>
  );
}
