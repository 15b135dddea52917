import { useMutation, useQueryClient } from '@tanstack/react-query';

import { getExecutionOptions } from '@/features/executions/api/get-execution';
import { answerOf, api } from '@/lib/api/client';
import { ApiProblem } from '@/lib/api/problem';

/** Cancels a run that is queued or running. One that ended in the meantime is looked at again. */
export function useCancelExecution(id: string) {
  const queries = useQueryClient();
  const { queryKey } = getExecutionOptions(id);
  return useMutation({
    mutationFn: () =>
      answerOf(api.POST('/api/v1/executions/{execution_id}/cancel', { params: { path: { execution_id: id } } })),
    meta: { spends: true },
    onSuccess: (execution) => {
      queries.setQueryData(queryKey, execution);
      void queries.invalidateQueries({ queryKey: ['executions'] });
    },
    onError: (error) => {
      if (error instanceof ApiProblem && error.code === 'already_finished') {
        void queries.invalidateQueries({ queryKey });
      }
    },
  });
}
