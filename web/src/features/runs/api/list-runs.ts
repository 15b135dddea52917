import { infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query';

import type { RunStatus } from '@/features/runs/api/get-run';
import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type RunSummary = components['schemas']['RunSummary'];

/** What narrows the list; kept in the page's address. */
export interface RunFilter {
  workflow?: string | undefined;
  status?: RunStatus | undefined;
}

const PAGE_SIZE = 25;
/** Milliseconds between two looks at a list with runs that go on. */
const LIVE_INTERVAL = 5_000;

export function listRunsOptions({ workflow, status }: RunFilter, pageSize = PAGE_SIZE) {
  return infiniteQueryOptions({
    queryKey: ['runs', { workflow, status, pageSize }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/runs', {
          params: {
            query: {
              limit: pageSize,
              ...(workflow ? { workflow_id: workflow } : {}),
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
      state.data?.pages.some((page) => page.items.some((run) => run.status === 'running')) ? LIVE_INTERVAL : false,
  });
}
