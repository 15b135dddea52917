import { useQuery } from '@tanstack/react-query';

import { findAgentCardOptions } from '@/features/agents/api/find-agent-card';
import { titleOf } from '@/lib/json-schema/titles';

/** What the catalogue calls an agent; its id in words until that is known, and where the catalogue does not hold it. */
export function AgentName({ id }: { id: string }) {
  const { data: card } = useQuery(findAgentCardOptions(id));
  return card?.name ?? titleOf(id.split('/')[1] ?? id);
}
