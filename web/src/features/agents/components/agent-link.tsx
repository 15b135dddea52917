import { Anchor } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { findAgentCardOptions } from '@/features/agents/api/find-agent-card';
import { AgentName } from '@/features/agents/components/agent-name';

/** An agent by its name; leads to its page where the catalogue holds it. */
export function AgentLink({ id }: { id: string }) {
  const { data: card } = useQuery(findAgentCardOptions(id));
  const [group = '', name = ''] = id.split('/');
  if (!card) return <AgentName id={id} />;
  return (
    <Anchor inherit renderRoot={(props) => <Link {...props} to="/agents/$group/$name" params={{ group, name }} />}>
      {card.name}
    </Anchor>
  );
}
