import { infiniteQueryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Conversation = components['schemas']['AgentSession'];

const PAGE_SIZE = 12;

/** The caller's conversations with one agent, the newest first. */
export function listConversationsOptions(agentId: string) {
  return infiniteQueryOptions({
    queryKey: ['conversations', { agentId }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/sessions', {
          params: { query: { agent_id: agentId, limit: PAGE_SIZE, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}
