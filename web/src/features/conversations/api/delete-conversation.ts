import { useMutation, useQueryClient } from '@tanstack/react-query';

import { getConversationOptions } from '@/features/conversations/api/get-conversation';
import { type Conversation, listConversationsOptions } from '@/features/conversations/api/list-conversations';
import { listTurnsOptions } from '@/features/conversations/api/list-turns';
import { answerOf, api } from '@/lib/api/client';

/** Deletes a conversation with all its turns; the runs stay. */
export function useDeleteConversation({ id, agent_id }: Conversation) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => answerOf(api.DELETE('/api/v1/sessions/{session_id}', { params: { path: { session_id: id } } })),
    onSuccess: () => {
      queries.removeQueries({ queryKey: getConversationOptions(id).queryKey });
      queries.removeQueries({ queryKey: listTurnsOptions(id).queryKey });
      void queries.invalidateQueries({ queryKey: listConversationsOptions(agent_id).queryKey });
    },
  });
}
