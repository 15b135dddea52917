import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Workflow = components['schemas']['WorkflowDetail'];

/** A workflow in its live version, or its latest where none is live. */
export function getWorkflowOptions(id: string) {
  return queryOptions({
    queryKey: ['workflow', id],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/workflows/{workflow_id}', { params: { path: { workflow_id: id } }, signal })),
  });
}
