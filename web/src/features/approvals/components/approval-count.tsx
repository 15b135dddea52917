import { useInfiniteQuery } from '@tanstack/react-query';

import { listApprovalsOptions } from '@/features/approvals/api/list-approvals';
import classes from '@/features/approvals/components/approval-count.module.css';

/** How many decisions wait for the reader, as a small figure; nothing where there is none. */
export function ApprovalCount() {
  const { data } = useInfiniteQuery(listApprovalsOptions('pending'));
  const count = data?.pages.reduce((sum, { items }) => sum + items.length, 0) ?? 0;
  if (count === 0) return null;
  const shown = data?.pages.at(-1)?.next_cursor ? `${count}+` : String(count);
  return (
    <span className={classes.count} role="img" aria-label={`${shown} to decide`}>
      {shown}
    </span>
  );
}
