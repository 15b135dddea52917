import { Anchor, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { isAnAsk, routeAskOptions, type RoutedAsk } from '@/features/agents/api/route-ask';
import classes from '@/features/agents/components/advice.module.css';

/** Whose task it is that somebody describes in the search box, and why; or that nobody here does it. */
export function Advice({ ask }: { ask: string | undefined }) {
  const routed = useQuery({ ...routeAskOptions(ask ?? ''), enabled: isAnAsk(ask) });
  const [best, ...others] = routed.data?.agents ?? [];
  if (!isAnAsk(ask) || !routed.data || !best) return null;
  return (
    <aside className={classes.advice} aria-label="Advice">
      {routed.data.fits ? (
        <>
          <Text className={classes.title}>
            For this, use <AgentAnchor routed={best} />
          </Text>
          <Text size="sm" c="dimmed">
            {best.reason}
          </Text>
        </>
      ) : (
        <>
          <Text className={classes.title}>No agent does quite this</Text>
          <Text size="sm" c="dimmed">
            The nearest is <AgentAnchor routed={best} />. Say in other words what you hold and what you want to know.
          </Text>
        </>
      )}
      {routed.data.fits && others.length > 0 && (
        <Text size="sm" className={classes.others}>
          Else perhaps{' '}
          {others.map((each, place) => (
            <span key={each.agent.id}>
              {place > 0 && ' or '}
              <AgentAnchor routed={each} />
            </span>
          ))}
          .
        </Text>
      )}
    </aside>
  );
}

function AgentAnchor({ routed }: { routed: RoutedAsk['agents'][number] }) {
  const [group = '', name = ''] = routed.agent.id.split('/');
  return (
    <Anchor inherit renderRoot={(props) => <Link {...props} to="/agents/$group/$name" params={{ group, name }} />}>
      {routed.agent.name}
    </Anchor>
  );
}
