import { useMutation, useQueryClient } from '@tanstack/react-query';

import { getConversationOptions } from '@/features/conversations/api/get-conversation';
import { listConversationsOptions } from '@/features/conversations/api/list-conversations';
import { answerOf, api } from '@/lib/api/client';

/** Begins a conversation without turns. */
export function useCreateConversation(agentId: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => answerOf(api.POST('/api/v1/sessions', { body: { agent_id: agentId } })),
    onSuccess: (conversation) => {
      queries.setQueryData(getConversationOptions(conversation.id).queryKey, conversation);
      void queries.invalidateQueries({ queryKey: listConversationsOptions(agentId).queryKey });
    },
  });
}
