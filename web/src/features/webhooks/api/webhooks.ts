import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Webhook = components['schemas']['WebhookView'];
export type WebhookWithSecret = components['schemas']['WebhookWithSecret'];
export type NewWebhook = components['schemas']['NewWebhook'];
export type WebhookChanges = components['schemas']['WebhookChanges'];
export type Delivery = components['schemas']['Delivery'];

const PAGE_SIZE = 24;
/** Milliseconds between two looks at deliveries that are still under way. */
const LIVE_INTERVAL = 3000;

/** The reader's webhooks, or those of the whole platform, the newest first. */
export function listWebhooksOptions(isPlatformWide: boolean) {
  return infiniteQueryOptions({
    queryKey: ['webhooks', { isPlatformWide }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/webhooks', {
          params: {
            query: { platform_wide: isPlatformWide, limit: PAGE_SIZE, ...(pageParam ? { cursor: pageParam } : {}) },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}

export function getWebhookOptions(id: string) {
  return queryOptions({
    queryKey: ['webhook', id],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/webhooks/{webhook_id}', { params: { path: { webhook_id: id } }, signal })),
  });
}

/** What was sent to a webhook; looked at again while something is on its way. */
export function listDeliveriesOptions(id: string) {
  return infiniteQueryOptions({
    queryKey: ['webhook', id, 'deliveries'],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/webhooks/{webhook_id}/deliveries', {
          params: {
            path: { webhook_id: id },
            query: { limit: PAGE_SIZE, ...(pageParam ? { cursor: pageParam } : {}) },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: ({ state }) =>
      state.data?.pages.some(({ items }) => items.some((delivery) => delivery.state === 'pending'))
        ? LIVE_INTERVAL
        : false,
  });
}

export function useCreateWebhook() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: NewWebhook) => answerOf(api.POST('/api/v1/webhooks', { body })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['webhooks'] }),
  });
}

/** What may be done with one webhook. */
export function useWebhook(id: string) {
  const queries = useQueryClient();
  const params = { path: { webhook_id: id } };
  const onSettled = () =>
    Promise.all([
      queries.invalidateQueries({ queryKey: ['webhook', id] }),
      queries.invalidateQueries({ queryKey: ['webhooks'] }),
    ]);
  return {
    change: useMutation({
      mutationFn: (body: WebhookChanges) => answerOf(api.PATCH('/api/v1/webhooks/{webhook_id}', { params, body })),
      onSettled,
    }),
    remove: useMutation({
      mutationFn: () => answerOf(api.DELETE('/api/v1/webhooks/{webhook_id}', { params })),
      onSuccess: () => queries.invalidateQueries({ queryKey: ['webhooks'] }),
    }),
    rotate: useMutation({
      mutationFn: () => answerOf(api.POST('/api/v1/webhooks/{webhook_id}/rotate-secret', { params })),
      onSettled,
    }),
    ping: useMutation({
      mutationFn: () => answerOf(api.POST('/api/v1/webhooks/{webhook_id}/ping', { params })),
      onSettled,
    }),
    redeliver: useMutation({
      mutationFn: (deliveryId: string) =>
        answerOf(
          api.POST('/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver', {
            params: { path: { webhook_id: id, delivery_id: deliveryId } },
          }),
        ),
      onSettled,
    }),
  };
}
