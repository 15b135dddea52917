import { QueryClient } from '@tanstack/react-query';

import { ApiProblem } from '@/lib/api/problem';

const MOST_RETRIES = 2;

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        // What was refused once is refused again; only passing faults are worth another try.
        retry: (failures, error) => failures < MOST_RETRIES && error instanceof ApiProblem && error.isPassing,
      },
    },
  });
}
