import { type QueryClient, useMutation, useQueryClient } from '@tanstack/react-query';

import { getRunOptions, type RunView } from '@/features/runs/api/get-run';
import { answerOf, api } from '@/lib/api/client';

/** Stops a run. One that ended in the meantime is looked at again. */
export function useStopRun(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => answerOf(api.POST('/api/v1/runs/{run_id}/stop', { params: { path: { run_id: id } } })),
    meta: { spends: true },
    onSuccess: (run) => remember(queries, run),
    onError: () => queries.invalidateQueries({ queryKey: getRunOptions(id).queryKey }),
  });
}

/** Goes on from the step that failed; the answer is the run that does, which may be another one. */
export function useRetryRun(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => answerOf(api.POST('/api/v1/runs/{run_id}/retry', { params: { path: { run_id: id } } })),
    meta: { spends: true },
    onSuccess: (run) => remember(queries, run),
    onError: () => queries.invalidateQueries({ queryKey: getRunOptions(id).queryKey }),
  });
}

/** Shows the run as it stands now; its steps are asked for anew. */
async function remember(queries: QueryClient, run: RunView): Promise<void> {
  const { queryKey } = getRunOptions(run.id);
  queries.setQueryData(queryKey, (known) => known && { ...known, ...run });
  await Promise.all([
    queries.invalidateQueries({ queryKey }),
    queries.invalidateQueries({ queryKey: ['runs'] }),
    queries.invalidateQueries({ queryKey: ['approvals'] }),
  ]);
}
