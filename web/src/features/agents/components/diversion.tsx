import { Anchor, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { findAgentCardOptions } from '@/features/agents/api/find-agent-card';

/** A task that sounds near, with a link to the agent that does it where the catalogue holds it. */
export function Diversion({ ask, instead }: { ask: string; instead: string }) {
  const { data: card } = useQuery(findAgentCardOptions(instead));
  const [group = '', name = ''] = instead.split('/');
  return (
    <Text>
      {ask}{' '}
      {card && (
        <Anchor inherit renderRoot={(props) => <Link {...props} to="/agents/$group/$name" params={{ group, name }} />}>
          Use {card.name}
        </Anchor>
      )}
    </Text>
  );
}
