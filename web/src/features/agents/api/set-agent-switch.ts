import { useMutation, useQueryClient } from '@tanstack/react-query';

import { type AgentInfo, getAgentOptions } from '@/features/agents/api/get-agent';
import { answerOf, api } from '@/lib/api/client';

/** Switches an agent off for a reason, or on again (`null`). */
export function useSetAgentSwitch(agent: AgentInfo) {
  const queries = useQueryClient();
  const [group = '', name = ''] = agent.id.split('/');
  return useMutation({
    mutationFn: (reason: string | null) =>
      answerOf(
        api.PUT('/api/v1/agent-switches/{group}/{name}', {
          params: { path: { group, name } },
          body: reason === null ? { on: true } : { on: false, reason },
        }),
      ),
    onSuccess: ({ items }) => {
      // The function of the agent knows within fifteen seconds; whoever switched it need not wait.
      const own = items.find((each) => each.agent === agent.id || each.agent === `${group}/*`);
      const switchedOff = own ? { reason: own.reason, since: own.since } : null;
      queries.setQueryData(getAgentOptions(group, name).queryKey, { ...agent, switched_off: switchedOff });
    },
  });
}
