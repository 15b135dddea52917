import { infiniteQueryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type ExecutionSummary = components['schemas']['ExecutionSummary'];

const PAGE_SIZE = 25;

export function listExecutionsOptions(agentId: string | undefined) {
  return infiniteQueryOptions({
    queryKey: ['executions', { agentId }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/executions', {
          params: {
            query: {
              limit: PAGE_SIZE,
              ...(agentId ? { agent_id: agentId } : {}),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}
