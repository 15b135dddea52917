import { infiniteQueryOptions, useMutation, useQueryClient } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type ApiKey = components['schemas']['ApiKeyView'];
export type ApiKeyWithSecret = components['schemas']['ApiKeyWithSecret'];
export type NewApiKey = components['schemas']['NewApiKey'];
export type RotateApiKey = components['schemas']['RotateApiKey'];

const PAGE_SIZE = 24;
const KEYS = ['keys'];

/** The reader's API keys, the newest first. */
export const listKeysOptions = infiniteQueryOptions({
  queryKey: KEYS,
  queryFn: ({ pageParam, signal }) =>
    answerOf(
      api.GET('/api/v1/keys', {
        params: { query: { limit: PAGE_SIZE, ...(pageParam ? { cursor: pageParam } : {}) } },
        signal,
      }),
    ),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});

export function useCreateKey() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: NewApiKey) => answerOf(api.POST('/api/v1/keys', { body })),
    onSuccess: () => queries.invalidateQueries({ queryKey: KEYS }),
    // The answer holds the key: nobody finds it in the cache once the form is gone.
    gcTime: 0,
  });
}

/** What may be done with one key. */
export function useKey(id: string) {
  const queries = useQueryClient();
  const params = { path: { key_id: id } };
  const onSettled = () => queries.invalidateQueries({ queryKey: KEYS });
  return {
    rotate: useMutation({
      mutationFn: (body: RotateApiKey) => answerOf(api.POST('/api/v1/keys/{key_id}/rotate', { params, body })),
      onSettled,
      gcTime: 0,
    }),
    revoke: useMutation({
      mutationFn: () => answerOf(api.DELETE('/api/v1/keys/{key_id}', { params })),
      onSettled,
    }),
  };
}
