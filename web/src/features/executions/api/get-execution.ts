import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Execution = components['schemas']['Execution'];

export function getExecutionOptions(id: string) {
  return queryOptions({
    queryKey: ['execution', id],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/executions/{execution_id}', { params: { path: { execution_id: id } }, signal })),
    // A record of what happened does not change.
    staleTime: Infinity,
  });
}
