import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';

import { usePageTitle } from '@/app/use-page-title';
import { NotFound } from '@/components/not-found';
import { ProblemAlert } from '@/components/problem-alert';
import { getApprovalOptions } from '@/features/approvals/api/get-approval';
import { ApprovalHeader } from '@/features/approvals/components/approval-header';
import { ApprovalRecord } from '@/features/approvals/components/approval-record';
import { ApiProblem } from '@/lib/api/problem';

const route = getRouteApi('/member/approvals/$id');

export function ApprovalPage() {
  const { id } = route.useParams();
  const { data: approval, error, refetch } = useQuery(getApprovalOptions(id));
  usePageTitle(approval?.step_title ?? 'Approval');
  if (error instanceof ApiProblem && error.status === 404) {
    return (
      <NotFound title="There is no such approval" back="/approvals">
        There is none with this id, or it is not yours to decide.
      </NotFound>
    );
  }
  if (error && !approval) return <ProblemAlert error={error} onRetry={() => void refetch()} />;
  if (!approval)
    return <Skeleton height={320} radius="lg" role="status" aria-busy="true" aria-label="Loading the approval" />;
  return (
    <>
      <ApprovalHeader approval={approval} />
      <ApprovalRecord key={id} approval={approval} />
    </>
  );
}
