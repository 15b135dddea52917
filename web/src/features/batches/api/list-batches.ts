import { infiniteQueryOptions } from '@tanstack/react-query';

import { isOver } from '@/features/batches/api/get-batch';
import { answerOf, api } from '@/lib/api/client';

const PAGE_SIZE = 25;
/** Milliseconds between two looks at a list with batches that are not over. */
const LIVE_INTERVAL = 5_000;

/** The caller's batches, the newest first. */
export const listBatchesOptions = infiniteQueryOptions({
  queryKey: ['batches'],
  queryFn: ({ pageParam, signal }) =>
    answerOf(
      api.GET('/api/v1/batches', {
        params: { query: { limit: PAGE_SIZE, ...(pageParam ? { cursor: pageParam } : {}) } },
        signal,
      }),
    ),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
  refetchInterval: ({ state }) =>
    state.data?.pages.some((page) => page.items.some((batch) => !isOver(batch))) ? LIVE_INTERVAL : false,
});
