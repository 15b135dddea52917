import { useMutation, useQueryClient } from '@tanstack/react-query';

import { rememberWorkflow } from '@/features/workflows/api/remember-workflow';
import { answerOf, api } from '@/lib/api/client';

interface Order {
  workflowId: string;
  version: number;
  /** Whether it was live before. */
  isReturn?: boolean;
}

/** Makes a version the live one: runs are started with it from then on. */
export function usePublishWorkflow() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ workflowId, version, isReturn = false }: Order) => {
      const request = { params: { path: { workflow_id: workflowId } }, body: { version } };
      return answerOf(
        isReturn
          ? api.POST('/api/v1/workflows/{workflow_id}/rollback', request)
          : api.POST('/api/v1/workflows/{workflow_id}/publish', request),
      );
    },
    onSuccess: (workflow) => rememberWorkflow(queries, workflow),
  });
}
