import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Approval = components['schemas']['ApprovalView'];

/** Milliseconds between two looks at an approval that somebody else may decide. */
const LIVE_INTERVAL = 15_000;

export function getApprovalOptions(id: string) {
  return queryOptions({
    queryKey: ['approval', id],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/approvals/{approval_id}', { params: { path: { approval_id: id } }, signal })),
    refetchInterval: ({ state }) => (state.data?.status === 'pending' ? LIVE_INTERVAL : false),
  });
}
