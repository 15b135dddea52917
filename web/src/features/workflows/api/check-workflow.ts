import { queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type CheckedWorkflow = components['schemas']['CheckedWorkflow'];

/** A dry run of a source: what it compiles to and its picture, or every fault at once. Nothing is stored. */
export function checkWorkflowOptions(source: string) {
  return queryOptions({
    queryKey: ['workflow-check', source],
    queryFn: ({ signal }) => answerOf(api.POST('/api/v1/workflows/validate', { body: { source }, signal })),
    enabled: source.trim() !== '',
    staleTime: 60_000,
    gcTime: 60_000,
  });
}
