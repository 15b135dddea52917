import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Execution = components['schemas']['Execution'];
export type ExecutionStatus = Execution['status'];

/** Milliseconds between two looks at a run that is not over: soon at first, then more and more seldom. */
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 15_000;
const GROWTH = 1.25;

export function getExecutionOptions(id: string) {
  return queryOptions({
    queryKey: ['execution', id],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/executions/{execution_id}', { params: { path: { execution_id: id } }, signal })),
    // A record of what happened does not change; until then it does.
    staleTime: ({ state }) => (state.data && isOver(state.data.status) ? Infinity : 0),
    refetchInterval: ({ state }) =>
      state.data && !isOver(state.data.status)
        ? Math.min(LONGEST_WAIT, FIRST_WAIT * GROWTH ** Math.max(0, state.dataUpdateCount - 1))
        : false,
  });
}

export function isOver(status: ExecutionStatus): boolean {
  return status !== 'queued' && status !== 'running';
}
