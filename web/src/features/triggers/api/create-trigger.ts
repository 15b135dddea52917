import { useMutation, useQueryClient } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type NewTrigger = components['schemas']['NewTrigger'];

export function useCreateTrigger() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (order: NewTrigger) => answerOf(api.POST('/api/v1/triggers', { body: order })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['triggers'] }),
  });
}
