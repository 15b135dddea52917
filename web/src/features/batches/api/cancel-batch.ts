import { useMutation, useQueryClient } from '@tanstack/react-query';

import { getBatchOptions } from '@/features/batches/api/get-batch';
import { answerOf, api } from '@/lib/api/client';

/** Stops a batch: what has not begun is not run, what was answered stays. */
export function useCancelBatch(id: string) {
  const queries = useQueryClient();
  const { queryKey } = getBatchOptions(id);
  return useMutation({
    mutationFn: () => answerOf(api.POST('/api/v1/batches/{batch_id}/cancel', { params: { path: { batch_id: id } } })),
    meta: { spends: true },
    onSuccess: (batch) => queries.setQueryData(queryKey, batch),
    onError: () => queries.invalidateQueries({ queryKey }),
  });
}
