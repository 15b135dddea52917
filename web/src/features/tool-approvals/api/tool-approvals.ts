import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type ToolApproval = components['schemas']['ToolApproval'];
type Decision = components['schemas']['DecideToolCallRequest'];

const PAGE_SIZE = 24;
/** Milliseconds between two looks at what somebody else may decide. */
const LIVE_INTERVAL = 15_000;

/** What an agent wants to do, with its exact arguments. */
export function getToolApprovalOptions(id: string) {
  return queryOptions({
    queryKey: ['tool-approval', id],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/tool-approvals/{approval_id}', { params: { path: { approval_id: id } }, signal })),
    refetchInterval: ({ state }) => (state.data?.status === 'pending' ? LIVE_INTERVAL : false),
  });
}

/** What agents want to do and the reader may decide, or could have, the newest first. */
export function listToolApprovalsOptions(status: 'pending' | 'decided') {
  return infiniteQueryOptions({
    queryKey: ['tool-approvals', { status }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/tool-approvals', {
          params: { query: { status, limit: PAGE_SIZE, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: status === 'pending' ? LIVE_INTERVAL * 2 : false,
  });
}

/** Decides on one call. The first decision counts: where another was faster, that one is shown. */
export function useDecideToolCall(id: string) {
  const queries = useQueryClient();
  const { queryKey } = getToolApprovalOptions(id);
  return useMutation({
    mutationFn: (decision: Decision) =>
      answerOf(
        api.POST('/api/v1/tool-approvals/{approval_id}/decide', {
          params: { path: { approval_id: id } },
          body: decision,
        }),
      ),
    onSuccess: async (approval) => {
      queries.setQueryData(queryKey, approval);
      await queries.invalidateQueries({ queryKey: ['tool-approvals'] });
    },
    onError: () => queries.invalidateQueries({ queryKey }),
  });
}
