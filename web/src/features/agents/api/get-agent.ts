import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type AgentInfo = components['schemas']['AgentInfo'];

export function getAgentOptions(group: string, name: string) {
  return queryOptions({
    queryKey: ['agent', group, name],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/agents/{group}/{name}', { params: { path: { group, name } }, signal })),
    // A definition changes only with a deployment.
    staleTime: 5 * 60_000,
  });
}
