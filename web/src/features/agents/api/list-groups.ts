import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Group = components['schemas']['Group'];

export const listGroupsOptions = queryOptions({
  queryKey: ['groups'],
  queryFn: ({ signal }) => answerOf(api.GET('/api/v1/groups', { signal })),
  staleTime: 5 * 60_000,
  select: (list) => list.items,
});
