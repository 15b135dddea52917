import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Run = components['schemas']['RunDetail'];
export type RunView = components['schemas']['RunView'];
export type RunStatus = RunView['status'];
export type RunStep = components['schemas']['StepView'];

/** Milliseconds between two looks at a run that goes on; longer while it waits for a person. */
const LIVE_INTERVAL = 2_000;
const WAITING_INTERVAL = 6_000;

export function getRunOptions(id: string) {
  return queryOptions({
    queryKey: ['run', id],
    queryFn: ({ signal }) => answerOf(api.GET('/api/v1/runs/{run_id}', { params: { path: { run_id: id } }, signal })),
    staleTime: ({ state }) => (state.data && state.data.status !== 'running' ? Infinity : 0),
    refetchInterval: ({ state }) => {
      if (state.data?.status !== 'running') return false;
      return state.data.steps.some(({ status }) => status === 'running') ? LIVE_INTERVAL : WAITING_INTERVAL;
    },
  });
}
