import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';

export function getConversationOptions(id: string) {
  return queryOptions({
    queryKey: ['conversation', id],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/sessions/{session_id}', { params: { path: { session_id: id } }, signal })),
  });
}
