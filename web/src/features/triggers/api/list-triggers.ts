import { infiniteQueryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Trigger = components['schemas']['TriggerView'];

const PAGE_SIZE = 24;

/** What starts runs of a workflow for the reader, the newest first. */
export function listTriggersOptions(workflowId: string) {
  return infiniteQueryOptions({
    queryKey: ['triggers', { workflowId }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/triggers', {
          params: {
            query: { workflow_id: workflowId, limit: PAGE_SIZE, ...(pageParam ? { cursor: pageParam } : {}) },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}
