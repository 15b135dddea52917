import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Batch = components['schemas']['BatchView'];

/** Milliseconds between two looks at a batch that is not over: soon at first, then more and more seldom. */
const FIRST_WAIT = 1_500;
const LONGEST_WAIT = 15_000;
const GROWTH = 1.25;
/** Milliseconds after which the address of the results is asked for anew: it works for five minutes. */
const RENEWAL = 240_000;

export function getBatchOptions(id: string) {
  return queryOptions({
    queryKey: ['batch', id],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/batches/{batch_id}', { params: { path: { batch_id: id } }, signal })),
    refetchInterval: ({ state }) => {
      if (!state.data) return false;
      if (isOver(state.data)) return state.data.results ? RENEWAL : false;
      return Math.min(LONGEST_WAIT, FIRST_WAIT * GROWTH ** Math.max(0, state.dataUpdateCount - 1));
    },
  });
}

/** A cancelled batch still collects what was answered before. */
export function isOver({ status, finished_at }: Batch): boolean {
  return status === 'finished' || status === 'failed' || (status === 'cancelled' && finished_at !== null);
}
