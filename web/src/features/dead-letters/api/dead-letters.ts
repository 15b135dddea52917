import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from '@tanstack/react-query';
import { useState } from 'react';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type DeadLetter = components['schemas']['DeadLetter'];
export type State = DeadLetter['state'];
export type Source = components['schemas']['BulkRedriveRequest']['source'];

/** What narrows the list; kept in the page's address. */
export interface LetterFilter {
  state?: State | undefined;
  source?: Source | undefined;
}

const PAGE_SIZE = 24;
/** As many as one call looks for, or does again. */
const MOST = 100;
const LIVE_INTERVAL = 30_000;

/** Letters in one state, the newest first; the open ones when nothing is chosen. */
export function listLettersOptions({ state = 'open', source }: LetterFilter, pageSize = PAGE_SIZE) {
  return infiniteQueryOptions({
    queryKey: ['dead-letters', { state, source, pageSize }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/dead-letters', {
          params: {
            query: {
              state,
              limit: pageSize,
              ...(source ? { source } : {}),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: state === 'open' ? LIVE_INTERVAL : false,
  });
}

/** The open letters, as far as one call tells: what the navigation counts. */
export const openLettersOptions = listLettersOptions({}, MOST);

export function getLetterOptions(id: string) {
  return queryOptions({
    queryKey: ['dead-letter', id],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/dead-letters/{letter_id}', { params: { path: { letter_id: id } }, signal })),
  });
}

function useForget() {
  const queries = useQueryClient();
  return () =>
    Promise.all([
      queries.invalidateQueries({ queryKey: ['dead-letters'] }),
      queries.invalidateQueries({ queryKey: ['dead-letter'] }),
    ]);
}

/** What may be done with one letter. */
export function useLetter(id: string) {
  const onSettled = useForget();
  const params = { path: { letter_id: id } };
  return {
    redrive: useMutation({
      mutationFn: () => answerOf(api.POST('/api/v1/dead-letters/{letter_id}/redrive', { params })),
      onSettled,
    }),
    discard: useMutation({
      mutationFn: (reason: string) =>
        answerOf(api.POST('/api/v1/dead-letters/{letter_id}/discard', { params, body: { reason } })),
      onSettled,
    }),
  };
}

export interface RedriveProgress {
  total: number;
  redriven: number;
  failed: number;
  skipped: number;
}

/** Does the work of all open letters of a source again, a hundred at a time, and tells how far it is. */
export function useRedriveAll() {
  const onSettled = useForget();
  const [progress, setProgress] = useState<RedriveProgress | null>(null);
  const redriveAll = useMutation({
    mutationFn: async (source: Source) => {
      setProgress(null);
      // Those of now: what fails again is not tried a second time.
      const waiting = await openIds(source);
      const done = { total: waiting.length, redriven: 0, failed: 0, skipped: 0 };
      setProgress({ ...done });
      while (waiting.length > 0) {
        const ids = waiting.splice(0, MOST);
        const came = await answerOf(api.POST('/api/v1/dead-letters/redrive', { body: { source, ids } }));
        done.redriven += came.redriven.length;
        done.failed += came.failed.length;
        done.skipped += came.skipped.length;
        setProgress({ ...done });
        if (came.left.length === ids.length) throw new Error('None of them could be begun in time. Try again.');
        waiting.unshift(...came.left);
      }
      return done;
    },
    onSettled,
  });
  return { redriveAll, progress };
}

async function openIds(source: Source): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const query: { state: State; source: Source; limit: number; cursor?: string } = {
      state: 'open',
      source,
      limit: MOST,
      ...(cursor ? { cursor } : {}),
    };
    const page: components['schemas']['DeadLetterPage'] = await answerOf(
      api.GET('/api/v1/dead-letters', { params: { query } }),
    );
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  return ids;
}
