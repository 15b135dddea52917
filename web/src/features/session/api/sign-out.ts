import { useMutation, useQueryClient } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import { currentRefreshToken, end } from '@/lib/session/session';

/** Revokes the tokens on the server; this browser forgets them in any case. */
export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      // What is still under way would be answered after its token has been revoked.
      await queries.cancelQueries();
      return answerOf(api.POST('/api/v1/auth/logout', { body: { refresh_token: currentRefreshToken() } }));
    },
    onSettled: end,
  });
}
