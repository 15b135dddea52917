import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';

import { askAgainAfter } from '@/components/data-request-line';
import { answerOf, api } from '@/lib/api/client';
import { end } from '@/lib/session/session';

const MY_EXPORTS = ['my-exports'];

/** Exports of the reader's own data; asked again while one is made. */
export const myExportsOptions = queryOptions({
  queryKey: MY_EXPORTS,
  queryFn: ({ signal }) => answerOf(api.GET('/api/v1/me/export', { signal })),
  refetchInterval: ({ state }) => askAgainAfter(state.data?.items),
});

export function useExportMe() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => answerOf(api.POST('/api/v1/me/export')),
    onSettled: () => queries.invalidateQueries({ queryKey: MY_EXPORTS }),
  });
}

/** Closes the account for good; whoever did is signed out. */
export function useEraseMe() {
  return useMutation({
    mutationFn: (password: string) => answerOf(api.POST('/api/v1/me/erasure', { body: { password } })),
    onSuccess: end,
    gcTime: 0,
  });
}
