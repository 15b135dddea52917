import { keepPreviousData, queryOptions } from '@tanstack/react-query';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Policy = components['schemas']['PolicyView'];
export type Role = components['schemas']['RoleView'];
export type Action = Policy['actions'][number];
export type Explanation = components['schemas']['Explanation'];
export type Check = components['schemas']['CheckView'];

/** What is asked; kept in the page's address. */
export interface PolicyQuestion {
  action?: Action | undefined;
  agent?: string | undefined;
  user?: string | undefined;
}

export function readQuestion(search: Record<string, unknown>): PolicyQuestion {
  const text = (name: string) => (typeof search[name] === 'string' && search[name] ? search[name] : undefined);
  return { action: text('action') as Action | undefined, agent: text('agent'), user: text('user') };
}

export const policyOptions = queryOptions({
  queryKey: ['policy'],
  queryFn: ({ signal }) => answerOf(api.GET('/api/v1/policy', { signal })),
});

/** Why the reader, or somebody else, may or may not do something. */
export function explainOptions({ action = 'agents:execute', agent, user }: PolicyQuestion) {
  return queryOptions({
    queryKey: ['policy', 'explanation', { action, agent, user }],
    queryFn: ({ signal }) =>
      answerOf(
        api.POST('/api/v1/policy/explain', {
          body: { action, ...(agent ? { agent_id: agent } : {}), ...(user ? { user } : {}) },
          signal,
        }),
      ),
    placeholderData: keepPreviousData,
    retry: false,
  });
}
