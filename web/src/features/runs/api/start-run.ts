import { useMutation, useQueryClient } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { JsonObject } from '@/lib/json-schema/types';

interface Order {
  workflowId: string;
  input: JsonObject;
  /** The reader's own name for the run: the same name twice is one run. */
  name: string;
}

/** Starts a run of the live version and waits until it is accepted. */
export function useStartRun() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ workflowId, input, name }: Order) =>
      answerOf(
        api.POST('/api/v1/workflows/{workflow_id}/runs', {
          params: { path: { workflow_id: workflowId } },
          body: { input, ...(name ? { name } : {}) },
        }),
      ),
    meta: { spends: true },
    onSuccess: () => queries.invalidateQueries({ queryKey: ['runs'] }),
  });
}
