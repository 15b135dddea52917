import { Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import { inWords } from '@/lib/json-schema/titles';
import type { AgentCard as Card } from '@/features/agents/api/list-agents';
import { ModelTier } from '@/features/agents/components/model-tier';
import classes from '@/features/agents/components/agent-card.module.css';

/** One agent in the catalogue; the whole card leads to its page. */
export function AgentCard({ card, groupName }: { card: Card; groupName: string }) {
  const [group = '', name = ''] = card.id.split('/');
  return (
    <article className={classes.card}>
      <Text className={classes.group}>{groupName}</Text>
      <h2 className={classes.name}>
        <Link to="/agents/$group/$name" params={{ group, name }} className={classes.link}>
          {card.name}
        </Link>
      </h2>
      <Text className={classes.summary}>{card.summary}</Text>
      <div className={classes.foot}>
        <Text className={classes.tags}>{card.tags.map(inWords).join(' · ')}</Text>
        <ModelTier tier={card.model} />
      </div>
    </article>
  );
}
