import { infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query';

import { type ExecutionStatus, isOver } from '@/features/executions/api/get-execution';
import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type ExecutionSummary = components['schemas']['ExecutionSummary'];

/** What narrows the list; kept in the page's address. */
export interface ExecutionFilter {
  agent?: string | undefined;
  status?: ExecutionStatus | undefined;
}

const PAGE_SIZE = 25;
/** Milliseconds between two looks at a list with runs that are not over. */
const LIVE_INTERVAL = 5_000;

export function listExecutionsOptions({ agent, status }: ExecutionFilter) {
  return infiniteQueryOptions({
    queryKey: ['executions', { agent, status }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/executions', {
          params: {
            query: {
              limit: PAGE_SIZE,
              ...(agent ? { agent_id: agent } : {}),
              ...(status ? { status } : {}),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.items.some((item) => !isOver(item.status))) ? LIVE_INTERVAL : false,
  });
}
