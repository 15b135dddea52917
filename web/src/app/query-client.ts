import { MutationCache, QueryClient } from '@tanstack/react-query';

import { ApiProblem } from '@/lib/api/problem';

const MOST_RETRIES = 2;

declare module '@tanstack/react-query' {
  interface Register {
    /** `spends`: the call may cost money, so what is known of the budget is out of date after it. */
    mutationMeta: { spends?: boolean };
  }
}

export function newQueryClient(): QueryClient {
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        // What was refused once is refused again; only passing faults are worth another try.
        retry: (failures, error) => failures < MOST_RETRIES && error instanceof ApiProblem && error.isPassing,
      },
    },
    mutationCache: new MutationCache({
      onSettled: (_data, _error, _variables, _result, { meta }) => {
        if (meta?.spends) void client.invalidateQueries({ queryKey: ['budget'] });
      },
    }),
  });
  return client;
}
