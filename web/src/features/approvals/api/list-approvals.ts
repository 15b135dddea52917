import { infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type ApprovalSummary = components['schemas']['ApprovalSummary'];
export type ApprovalChoice = 'pending' | 'decided';

const PAGE_SIZE = 24;
/** Milliseconds between two looks at what waits for a decision. */
const LIVE_INTERVAL = 30_000;

/** What the reader may decide, or could have, the newest first. */
export function listApprovalsOptions(status: ApprovalChoice) {
  return infiniteQueryOptions({
    queryKey: ['approvals', { status }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/approvals', {
          params: { query: { status, limit: PAGE_SIZE, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: status === 'pending' ? LIVE_INTERVAL : false,
  });
}
