import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';
import { begin, end } from '@/lib/session/session';

type Schemas = components['schemas'];

/** The account as it is now; a session remembers it as it was when it began. */
export const getMeOptions = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => answerOf(api.GET('/api/v1/me', { signal })),
});

/** Every session ends; this browser goes on with the one that the answer brings. */
export function useChangePassword() {
  return useMutation({
    mutationFn: (body: Schemas['ChangePasswordRequest']) => answerOf(api.POST('/api/v1/auth/password', { body })),
    onSuccess: begin,
  });
}

/** Ends every session: with `start_anew` this browser stays signed in by a new one. */
export function useRevokeAll() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (body: Schemas['RevokeAllRequest']) => {
      // What is still under way would be answered after its token has been revoked.
      await queries.cancelQueries();
      return answerOf(api.POST('/api/v1/auth/revoke-all', { body }));
    },
    onSuccess: (session) => (session ? begin(session) : end()),
  });
}

export function useSendVerification() {
  return useMutation({ mutationFn: () => answerOf(api.POST('/api/v1/auth/verify-email/send')) });
}
