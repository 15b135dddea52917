import { infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type AgentCard = components['schemas']['AgentCard'];

/** What narrows the list; every part is optional and kept in the page's address. */
export interface AgentFilter {
  q?: string | undefined;
  group?: string | undefined;
  tag?: string | undefined;
}

const PAGE_SIZE = 24;

export function listAgentsOptions(filter: AgentFilter) {
  const { q, group, tag } = filter;
  return infiniteQueryOptions({
    queryKey: ['agents', { q, group, tag }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/agents', {
          params: {
            query: {
              limit: PAGE_SIZE,
              ...(q ? { q } : {}),
              ...(group ? { group } : {}),
              ...(tag ? { tag } : {}),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}
