import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';

/** The versions of an agent that can be executed, the highest first. */
export function listVersionsOptions(group: string, name: string) {
  return queryOptions({
    queryKey: ['versions', group, name],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/agents/{group}/{name}/versions', { params: { path: { group, name } }, signal })),
    // They change only with a deployment.
    staleTime: 5 * 60_000,
  });
}
