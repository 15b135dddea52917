import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';

/** One version of a workflow with its source; it never changes. */
export function getVersionOptions(workflowId: string, version: number) {
  return queryOptions({
    queryKey: ['workflow', workflowId, 'versions', version],
    queryFn: ({ signal }) =>
      answerOf(
        api.GET('/api/v1/workflows/{workflow_id}/versions/{version}', {
          params: { path: { workflow_id: workflowId, version } },
          signal,
        }),
      ),
    staleTime: Infinity,
  });
}
