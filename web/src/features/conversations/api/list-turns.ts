import { type InfiniteData, infiniteQueryOptions, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';

import { getConversationOptions } from '@/features/conversations/api/get-conversation';
import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Turn = components['schemas']['SessionTurn'];
type TurnPages = InfiniteData<components['schemas']['SessionTurnPage'], string | null>;

const PAGE_SIZE = 20;

/** What was said, page by page from the newest turn back. */
export function listTurnsOptions(conversationId: string) {
  return infiniteQueryOptions({
    queryKey: ['conversation-turns', conversationId],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/sessions/{session_id}/turns', {
          params: {
            path: { session_id: conversationId },
            query: { limit: PAGE_SIZE, ...(pageParam ? { cursor: pageParam } : {}) },
          },
          signal,
        }),
      ),
    // A turn may have been answered while another page was open.
    staleTime: 0,
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}

/** The turn that was answered last: null before the first, undefined as long as nobody knows. */
export function useNewestTurn(conversationId: string): Turn | null | undefined {
  const { data } = useInfiniteQuery(listTurnsOptions(conversationId));
  return data && (data.pages[0]?.items[0] ?? null);
}

/** Shows a turn that was just answered at once, and then looks at what was recorded. */
export function useTurnAnswered(conversationId: string) {
  const queries = useQueryClient();
  const { queryKey } = listTurnsOptions(conversationId);
  return (turn: Omit<Turn, 'number' | 'shortened'>) => {
    queries.setQueryData<TurnPages>(queryKey, (known) => withNewest(known, turn));
    void queries.invalidateQueries({ queryKey });
    void queries.invalidateQueries({ queryKey: getConversationOptions(conversationId).queryKey });
    void queries.invalidateQueries({ queryKey: ['conversations'] });
  };
}

function withNewest(known: TurnPages | undefined, turn: Omit<Turn, 'number' | 'shortened'>): TurnPages | undefined {
  const [first, ...others] = known?.pages ?? [];
  // A request sent twice gets the first answer, which is here already.
  if (!known || !first || first.items.some(({ execution_id }) => execution_id === turn.execution_id)) return known;
  const newest = { ...turn, number: (first.items[0]?.number ?? 0) + 1, shortened: false };
  return { ...known, pages: [{ ...first, items: [newest, ...first.items] }, ...others] };
}
