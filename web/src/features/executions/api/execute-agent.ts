import { useMutation, useQueryClient } from '@tanstack/react-query';

import { getExecutionOptions } from '@/features/executions/api/get-execution';
import { answerOf, api } from '@/lib/api/client';
import type { JsonObject } from '@/lib/json-schema/types';

interface Order {
  agentId: string;
  input: JsonObject;
  signal: AbortSignal;
}

/** Runs an agent and waits for its answer, however long the model takes. */
export function useExecuteAgent() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ agentId, input, signal }: Order) => {
      const [group = '', name = ''] = agentId.split('/');
      return answerOf(
        api.POST('/api/v1/agents/{group}/{name}/execute', {
          params: { path: { group, name } },
          body: { input },
          signal,
        }),
      );
    },
    onSuccess: (execution) => {
      queries.setQueryData(getExecutionOptions(execution.id).queryKey, execution);
      void queries.invalidateQueries({ queryKey: ['executions'] });
    },
  });
}
