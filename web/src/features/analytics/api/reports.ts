import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import { type AnalyticsFilter, grainOf, queryOf } from '@/features/analytics/filter';
import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';
import { fetchFile, saveFile } from '@/lib/download';

type Schemas = components['schemas'];
export type Overview = Schemas['Overview'];
export type Period = Schemas['Period'];
export type Point = Schemas['Point'];
export type Consumption = Schemas['Consumption'];

/** All that went into models and came out, however it is billed. */
export function tokensOf(usage: Omit<Period, 'p50_ms' | 'p95_ms' | 'p99_ms'>): number {
  return usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens + usage.output_tokens;
}

/** The reports that come as a file as well. */
export type ReportName = 'timeseries' | 'agents' | 'groups' | 'users' | 'errors' | 'latency' | 'workflows' | 'budgets';

const TOP = 20;
/** Milliseconds between two looks at the figures. */
const LIVE_INTERVAL = 60_000;
/** The same while they are not complete. */
const REBUILD_INTERVAL = 5_000;

/** The answer as JSON, which the same address gives as CSV on demand. */
async function jsonOf<Data>(
  call: Promise<{ data?: Data; error?: unknown; response: Response }>,
): Promise<Exclude<Data, string>> {
  return (await answerOf(call)) as Exclude<Data, string>;
}

/** The range is counted back from the moment of asking, so the same filter means newer figures later. */
const asked = (filter: AnalyticsFilter) => queryOf(filter, Date.now());

/** What is asked of the API: how the agents are ordered changes one report alone. */
const keyOf = ({ by: _, ...filter }: AnalyticsFilter) => filter;

const shared = { placeholderData: keepPreviousData, refetchInterval: LIVE_INTERVAL } as const;

export function overviewOptions(filter: AnalyticsFilter) {
  return queryOptions({
    queryKey: ['analytics', 'overview', keyOf(filter)],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/analytics/overview', { params: { query: asked(filter) }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (state.data?.complete === false ? REBUILD_INTERVAL : LIVE_INTERVAL),
  });
}

export function seriesOptions(filter: AnalyticsFilter) {
  const grain = grainOf(filter);
  return queryOptions({
    queryKey: ['analytics', 'timeseries', keyOf(filter), grain],
    queryFn: ({ signal }) =>
      jsonOf(api.GET('/api/v1/analytics/timeseries', { params: { query: { ...asked(filter), grain } }, signal })),
    ...shared,
  });
}

export function topAgentsOptions(filter: AnalyticsFilter) {
  const by = filter.by ?? 'executions';
  return queryOptions({
    queryKey: ['analytics', 'agents', keyOf(filter), by],
    queryFn: ({ signal }) =>
      jsonOf(api.GET('/api/v1/analytics/agents', { params: { query: { ...asked(filter), by, limit: TOP } }, signal })),
    ...shared,
  });
}

export function groupsOptions(filter: AnalyticsFilter) {
  return queryOptions({
    queryKey: ['analytics', 'groups', keyOf(filter)],
    queryFn: ({ signal }) =>
      jsonOf(api.GET('/api/v1/analytics/groups', { params: { query: { ...asked(filter), limit: TOP } }, signal })),
    ...shared,
  });
}

export function usersOptions(filter: AnalyticsFilter) {
  return queryOptions({
    queryKey: ['analytics', 'users', keyOf(filter)],
    queryFn: ({ signal }) =>
      jsonOf(api.GET('/api/v1/analytics/users', { params: { query: { ...asked(filter), limit: TOP } }, signal })),
    ...shared,
  });
}

export function errorsOptions(filter: AnalyticsFilter) {
  return queryOptions({
    queryKey: ['analytics', 'errors', keyOf(filter)],
    queryFn: ({ signal }) =>
      jsonOf(api.GET('/api/v1/analytics/errors', { params: { query: { ...asked(filter), limit: TOP } }, signal })),
    ...shared,
  });
}

export function latencyOptions(filter: AnalyticsFilter) {
  return queryOptions({
    queryKey: ['analytics', 'latency', keyOf(filter)],
    queryFn: ({ signal }) =>
      jsonOf(
        api.GET('/api/v1/analytics/latency', {
          params: { query: { ...asked(filter), by: 'model', limit: TOP } },
          signal,
        }),
      ),
    ...shared,
  });
}

export function workflowsOptions(filter: AnalyticsFilter) {
  return queryOptions({
    queryKey: ['analytics', 'workflows', keyOf(filter)],
    queryFn: ({ signal }) =>
      jsonOf(api.GET('/api/v1/analytics/workflows', { params: { query: { ...asked(filter), limit: TOP } }, signal })),
    ...shared,
  });
}

export const budgetsOptions = queryOptions({
  queryKey: ['analytics', 'budgets'],
  queryFn: ({ signal }) => jsonOf(api.GET('/api/v1/analytics/budgets', { params: { query: { limit: TOP } }, signal })),
  refetchInterval: LIVE_INTERVAL,
});

/**
 * Stores a report whole as CSV.
 *
 * @throws {ApiProblem} what went wrong.
 */
export async function saveReport(name: ReportName, filter: AnalyticsFilter): Promise<void> {
  const more: Record<string, string> = {};
  if (name === 'timeseries') more['grain'] = grainOf(filter);
  if (name === 'agents') more['by'] = filter.by ?? 'executions';
  if (name === 'latency') more['by'] = 'model';
  const query = new URLSearchParams({ ...(name === 'budgets' ? {} : asked(filter)), ...more, format: 'csv' });
  const file = await fetchFile(`/api/v1/analytics/${name}?${query.toString()}`);
  saveFile(file.name, file.content);
}
