import { useMutation, useQueryClient } from '@tanstack/react-query';

import { rememberWorkflow } from '@/features/workflows/api/remember-workflow';
import { answerOf, api } from '@/lib/api/client';

/** Stores a source: as a further version of a workflow, or, without one, as a new workflow. */
export function useSaveWorkflow(workflowId: string | undefined) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (source: string) =>
      workflowId === undefined
        ? answerOf(api.POST('/api/v1/workflows', { body: { source } }))
        : answerOf(
            api.POST('/api/v1/workflows/{workflow_id}/versions', {
              params: { path: { workflow_id: workflowId } },
              body: { source },
            }),
          ),
    onSuccess: (workflow) => rememberWorkflow(queries, workflow),
  });
}
