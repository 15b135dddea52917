import { useMutation, useQueryClient } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';

export type TriggerChange = 'pause' | 'resume' | 'delete';

/** Pauses, resumes or deletes a trigger. */
export function useChangeTrigger(id: string) {
  const queries = useQueryClient();
  const params = { path: { trigger_id: id } };
  return useMutation({
    mutationFn: async (change: TriggerChange) => {
      if (change === 'delete') await answerOf(api.DELETE('/api/v1/triggers/{trigger_id}', { params }));
      else if (change === 'pause') await answerOf(api.POST('/api/v1/triggers/{trigger_id}/pause', { params }));
      else await answerOf(api.POST('/api/v1/triggers/{trigger_id}/resume', { params }));
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['triggers'] }),
  });
}
