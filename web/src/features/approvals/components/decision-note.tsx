import { Text } from '@mantine/core';

import { Panel } from '@/components/panel';
import { SchemaView } from '@/components/schema-view/schema-view';
import type { Approval } from '@/features/approvals/api/get-approval';
import classes from '@/features/approvals/components/approval-record.module.css';
import { ApprovalStatus } from '@/features/approvals/components/approval-status';
import { formatMoment } from '@/lib/format';
import { isObject } from '@/lib/json-schema/types';

/** How it was decided, by whom and when, and what was said; or why nobody can decide any more. */
export function DecisionNote({ approval }: { approval: Approval }) {
  const { status, comment, answers, form } = approval;
  return (
    <Panel title="Decision" actions={<ApprovalStatus status={status} />}>
      <Text size="sm">{whatHappened(approval)}</Text>
      {comment && <p className={classes.said}>“{comment}”</p>}
      {isObject(answers) && Object.keys(answers).length > 0 && (
        <div className={classes.comment}>
          <SchemaView value={answers} schema={form ?? undefined} />
        </div>
      )}
    </Panel>
  );
}

function whatHappened({ status, decided_by, decided_at, expires_at }: Approval): string {
  if (status === 'withdrawn') return 'The run ended without waiting for this decision. Nothing is left to decide.';
  if (status === 'expired') return `Nobody decided before ${formatMoment(expires_at)}. Nothing is left to decide.`;
  const verdict = status === 'approved' ? 'Approved' : 'Rejected';
  const moment = decided_at ? ` on ${formatMoment(decided_at)}` : '';
  return decided_by
    ? `${verdict} by ${decided_by}${moment}.`
    : `${verdict} by the time-out${moment}: nobody had decided.`;
}
