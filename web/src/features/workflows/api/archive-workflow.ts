import { useMutation, useQueryClient } from '@tanstack/react-query';

import { rememberWorkflow } from '@/features/workflows/api/remember-workflow';
import { answerOf, api } from '@/lib/api/client';

/** Ends a workflow: no further runs, and its triggers are removed. */
export function useArchiveWorkflow(workflowId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () =>
      answerOf(api.POST('/api/v1/workflows/{workflow_id}/archive', { params: { path: { workflow_id: workflowId } } })),
    onSuccess: async (workflow) => {
      await rememberWorkflow(queries, workflow);
      await queries.invalidateQueries({ queryKey: ['triggers'] });
    },
  });
}
