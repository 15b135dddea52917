import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Budget = components['schemas']['Budget'];

/** What the caller may still spend this month; called anew after each call that may cost money. */
export const getBudgetOptions = queryOptions({
  queryKey: ['budget'],
  queryFn: ({ signal }) => answerOf(api.GET('/api/v1/me/budget', { signal })),
  staleTime: 60_000,
});
