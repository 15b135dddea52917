import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';

export const listTagsOptions = queryOptions({
  queryKey: ['tags'],
  queryFn: ({ signal }) => answerOf(api.GET('/api/v1/tags', { signal })),
  staleTime: 5 * 60_000,
  select: (list) => list.items,
});
