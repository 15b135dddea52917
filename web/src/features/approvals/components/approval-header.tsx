import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import { RecordHeader } from '@/components/record-header';
import type { Approval } from '@/features/approvals/api/get-approval';
import { ApprovalStatus } from '@/features/approvals/components/approval-status';
import { formatMoment } from '@/lib/format';

/** What is asked, by which run, and until when. */
export function ApprovalHeader({ approval }: { approval: Approval }) {
  return (
    <RecordHeader
      crumbs={
        <Anchor inherit renderRoot={(props) => <Link {...props} to="/approvals" />}>
          Approvals
        </Anchor>
      }
      title={approval.step_title}
      summary={approval.message}
    >
      <span role="status">
        <ApprovalStatus status={approval.status} />
      </span>
      <span>{approval.workflow_title}</span>
      <span>Asked {formatMoment(approval.created_at)}</span>
      {approval.status === 'pending' && <span>Open until {formatMoment(approval.expires_at)}</span>}
      <Anchor inherit renderRoot={(props) => <Link {...props} to="/runs/$id" params={{ id: approval.run_id }} />}>
        Open the run
      </Anchor>
    </RecordHeader>
  );
}
