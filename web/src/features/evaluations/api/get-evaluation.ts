import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Evaluation = components['schemas']['Evaluation'];
export type CaseResult = components['schemas']['CaseResult'];

/** Milliseconds between two looks at one that is not over. */
const WAIT = 2_000;

export function getEvaluationOptions(id: string) {
  return queryOptions({
    queryKey: ['evaluation', id],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/evaluations/{evaluation_id}', { params: { path: { evaluation_id: id } }, signal })),
    staleTime: ({ state }) => (state.data && state.data.status !== 'running' ? Infinity : 0),
    refetchInterval: ({ state }) => (state.data?.status === 'running' ? WAIT : false),
  });
}
