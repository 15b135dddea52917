import { ValuePanel } from '@/components/value-panel';
import type { Approval } from '@/features/approvals/api/get-approval';
import classes from '@/features/approvals/components/approval-record.module.css';
import { DecisionForm } from '@/features/approvals/components/decision-form';
import { DecisionNote } from '@/features/approvals/components/decision-note';
import type { Json } from '@/lib/json-schema/types';

/** What the decision is about, and beside it the decision: to be taken, or as it was taken. */
export function ApprovalRecord({ approval }: { approval: Approval }) {
  return (
    <div className={classes.columns}>
      {approval.show !== null && approval.show !== undefined && (
        <ValuePanel title="What it is about" value={approval.show as Json} schema={undefined} />
      )}
      {approval.status === 'pending' ? <DecisionForm approval={approval} /> : <DecisionNote approval={approval} />}
    </div>
  );
}
