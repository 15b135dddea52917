import { infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type AgentCard = components['schemas']['AgentCard'];
export type Facets = components['schemas']['Facets'];
export type ModelTier = AgentCard['model'];

/** What narrows the list; every part is optional and kept in the page's address. */
export interface AgentFilter {
  q?: string | undefined;
  group?: string | undefined;
  tag?: string | undefined;
  model?: ModelTier | undefined;
}

const TIERS: readonly string[] = ['fast', 'balanced', 'deep'] satisfies ModelTier[];

export function isModelTier(value: unknown): value is ModelTier {
  return typeof value === 'string' && TIERS.includes(value);
}

const PAGE_SIZE = 24;

export function listAgentsOptions(filter: AgentFilter) {
  const { q, group, tag, model } = filter;
  return infiniteQueryOptions({
    queryKey: ['agents', { q, group, tag, model }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/agents', {
          params: {
            query: {
              limit: PAGE_SIZE,
              ...(q ? { q } : {}),
              ...(group ? { group } : {}),
              ...(tag ? { tag } : {}),
              ...(model ? { model } : {}),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}
