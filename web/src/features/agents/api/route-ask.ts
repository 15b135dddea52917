import { queryOptions, useMutation } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type RoutedAsk = components['schemas']['RoutedAsk'];

const FEWEST_WORDS = 3;
const SHOWN = 3;

/** Whether somebody describes a task rather than types a name: then the platform can say whose it is. */
export function isAnAsk(typed: string | undefined): typed is string {
  return (typed ?? '').trim().split(/\s+/).length >= FEWEST_WORDS;
}

export function routeAskOptions(ask: string) {
  return queryOptions({
    queryKey: ['routed', ask],
    queryFn: ({ signal }) =>
      answerOf(api.POST('/api/v1/agents/route', { body: { ask, limit: SHOWN, choose: false }, signal })),
    staleTime: 5 * 60_000,
  });
}

/** Has Claude choose among the nearest agents: an execution in the name of whoever asks. */
export function useChosenAgent(ask: string) {
  return useMutation({
    mutationFn: () => answerOf(api.POST('/api/v1/agents/route', { body: { ask, limit: SHOWN, choose: true } })),
  });
}
