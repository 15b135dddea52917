import { useMutation, useQueryClient } from '@tanstack/react-query';

import { getExecutionOptions } from '@/features/executions/api/get-execution';
import { once } from '@/features/executions/api/once';
import { answerOf, api } from '@/lib/api/client';
import type { JsonObject } from '@/lib/json-schema/types';

export interface Order {
  agentId: string;
  input: JsonObject;
  /** The conversation that this is the next turn of. */
  sessionId?: string | undefined;
  /** The approved call of a tool that the agent may make now. */
  toolApproval?: string;
  signal?: AbortSignal;
  /** Accept the work now and do it later, for as long as the agent may take. */
  inBackground?: boolean;
}

/** Runs an agent and waits for its answer, however long the model takes; in the background, only until it is accepted. */
export function useExecuteAgent() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ agentId, input, sessionId, toolApproval, signal, inBackground = false }: Order) => {
      const [group = '', name = ''] = agentId.split('/');
      const body = {
        input,
        ...(sessionId ? { session_id: sessionId } : {}),
        ...(toolApproval ? { tool_approval: toolApproval } : {}),
      };
      return once([agentId, body], (key) =>
        answerOf(
          api.POST('/api/v1/agents/{group}/{name}/execute', {
            params: {
              path: { group, name },
              header: { 'idempotency-key': key, ...(inBackground ? { prefer: 'respond-async' } : {}) },
            },
            body,
            ...(signal ? { signal } : {}),
          }),
        ),
      );
    },
    meta: { spends: true },
    onSuccess: (execution) => {
      queries.setQueryData(getExecutionOptions(execution.id).queryKey, execution);
      void queries.invalidateQueries({ queryKey: ['executions'] });
    },
  });
}
