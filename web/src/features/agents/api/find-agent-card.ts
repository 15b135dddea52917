import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';

/**
 * The card of an agent, or null when the catalogue does not hold it. Asked of the list, because a definition may name
 * an agent that is still to come, and that is no error.
 */
export function findAgentCardOptions(agentId: string) {
  return queryOptions({
    queryKey: ['agent-card', agentId],
    queryFn: async ({ signal }) => {
      const [group = '', name = ''] = agentId.split('/');
      const query = { group, q: name.replaceAll('-', ' '), limit: 100 };
      const page = await answerOf(api.GET('/api/v1/agents', { params: { query }, signal }));
      return page.items.find((card) => card.id === agentId) ?? null;
    },
    staleTime: 5 * 60_000,
  });
}
