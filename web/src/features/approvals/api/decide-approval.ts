import { useMutation, useQueryClient } from '@tanstack/react-query';

import { getApprovalOptions } from '@/features/approvals/api/get-approval';
import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

type Decision = components['schemas']['DecideRequest'];

/** Decides. The first decision counts: where another was faster, that one is shown. */
export function useDecideApproval(id: string) {
  const queries = useQueryClient();
  const { queryKey } = getApprovalOptions(id);
  return useMutation({
    mutationFn: (decision: Decision) =>
      answerOf(
        api.POST('/api/v1/approvals/{approval_id}/decide', {
          params: { path: { approval_id: id } },
          body: decision,
        }),
      ),
    onSuccess: async (approval) => {
      queries.setQueryData(queryKey, approval);
      await Promise.all([
        queries.invalidateQueries({ queryKey: ['approvals'] }),
        queries.invalidateQueries({ queryKey: ['run', approval.run_id] }),
      ]);
    },
    onError: () => queries.invalidateQueries({ queryKey }),
  });
}
