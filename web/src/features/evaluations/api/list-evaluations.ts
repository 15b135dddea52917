import { infiniteQueryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type EvaluationSummary = components['schemas']['EvaluationSummary'];

const PAGE_SIZE = 5;
/** Milliseconds between two looks at a list with evaluations that are not over. */
const LIVE_INTERVAL = 2_000;

/** An agent's evaluations in all its versions, the newest first. */
export function listEvaluationsOptions(agent: string) {
  return infiniteQueryOptions({
    queryKey: ['evaluations', agent],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/evaluations', {
          params: { query: { agent, limit: PAGE_SIZE, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.items.some(({ status }) => status === 'running')) ? LIVE_INTERVAL : false,
  });
}
