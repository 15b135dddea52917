import { useMutation, useQueryClient } from '@tanstack/react-query';

import { getEvaluationOptions } from '@/features/evaluations/api/get-evaluation';
import { listEvaluationsOptions } from '@/features/evaluations/api/list-evaluations';
import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

/** Starts an evaluation: each case becomes an execution of the caller. */
export function useCreateEvaluation(agent: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (order: Omit<components['schemas']['NewEvaluation'], 'agent_id'>) =>
      answerOf(api.POST('/api/v1/evaluations', { body: { agent_id: agent, ...order } })),
    meta: { spends: true },
    onSuccess: (evaluation) => {
      queries.setQueryData(getEvaluationOptions(evaluation.id).queryKey, evaluation);
      void queries.invalidateQueries({ queryKey: listEvaluationsOptions(agent).queryKey });
    },
  });
}
