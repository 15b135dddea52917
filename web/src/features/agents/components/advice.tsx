import { Anchor, Button, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import { isAnAsk, routeAskOptions, type RoutedAsk, useChosenAgent } from '@/features/agents/api/route-ask';
import classes from '@/features/agents/components/advice.module.css';

/** Whose task it is that somebody describes in the search box, and why; or that nobody here does it. */
export function Advice({ ask }: { ask: string | undefined }) {
  const found = useQuery({ ...routeAskOptions(ask ?? ''), enabled: isAnAsk(ask) });
  const chosen = useChosenAgent(ask ?? '');
  const routed = chosen.data ?? found.data;
  const [best, ...others] = routed?.agents ?? [];
  if (!isAnAsk(ask) || !routed || !best) return null;
  return (
    <aside className={classes.advice} aria-label="Advice">
      <div aria-live="polite">
        <Verdict routed={routed} best={best} />
      </div>
      {routed.fits && others.length > 0 && (
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
      {chosen.isError && <ProblemAlert error={chosen.error} />}
      {!chosen.data && (
        <Button
          className={classes.choose}
          variant="default"
          size="xs"
          loading={chosen.isPending}
          onClick={() => chosen.mutate()}
        >
          Let Claude choose among the nearest ten
        </Button>
      )}
    </aside>
  );
}

function Verdict({ routed, best }: { routed: RoutedAsk; best: RoutedAsk['agents'][number] }) {
  if (routed.choice) return <Choice choice={routed.choice} best={best} />;
  if (!routed.fits)
    return (
      <Said title="No agent does quite this">
        The nearest is <AgentAnchor routed={best} />. Say in other words what you hold and what you want to know.
      </Said>
    );
  return (
    <Said
      title={
        <>
          For this, use <AgentAnchor routed={best} />
        </>
      }
    >
      {best.reason}
    </Said>
  );
}

interface ChoiceProps {
  choice: NonNullable<RoutedAsk['choice']>;
  best: RoutedAsk['agents'][number];
}

function Choice({ choice, best }: ChoiceProps) {
  const isReal = choice.provider !== 'offline';
  const who = isReal ? 'Claude' : 'The offline model';
  const execution = (
    <Anchor
      inherit
      renderRoot={(props) => <Link {...props} to="/executions/$id" params={{ id: choice.execution_id }} />}
    >
      Its execution
    </Anchor>
  );
  return (
    <Said
      title={
        choice.agent_id ? (
          <>
            {who} chose <AgentAnchor routed={best} />
          </>
        ) : (
          `${who} finds that none of the nearest ten does this`
        )
      }
    >
      {isReal ? choice.reason : 'It thinks nothing up: this is its example answer, whatever was asked.'} {execution}.
    </Said>
  );
}

function Said({ title, children }: { title: ReactNode; children: ReactNode }) {
  return (
    <>
      <Text className={classes.title}>{title}</Text>
      <Text size="sm" c="dimmed">
        {children}
      </Text>
    </>
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
