import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';

/** The versions of a workflow, the newest first. */
export function listVersionsOptions(workflowId: string) {
  return queryOptions({
    queryKey: ['workflow', workflowId, 'versions'],
    queryFn: ({ signal }) =>
      answerOf(
        api.GET('/api/v1/workflows/{workflow_id}/versions', {
          params: { path: { workflow_id: workflowId } },
          signal,
        }),
      ),
    select: (list) => list.items,
  });
}
