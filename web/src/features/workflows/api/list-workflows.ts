import { infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type WorkflowSummary = components['schemas']['WorkflowSummary'];

const PAGE_SIZE = 24;

/** The reader's workflows and those of the platform, as far as the words are found in them. */
export function listWorkflowsOptions(q: string | undefined) {
  return infiniteQueryOptions({
    queryKey: ['workflows', { q }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/workflows', {
          params: { query: { limit: PAGE_SIZE, ...(q ? { q } : {}), ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}
