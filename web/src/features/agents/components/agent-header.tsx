import { Badge, Text, Title, Tooltip } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import type { AgentInfo } from '@/features/agents/api/get-agent';
import { listGroupsOptions } from '@/features/agents/api/list-groups';
import classes from '@/features/agents/components/agent-header.module.css';
import { AgentTeam } from '@/features/agents/components/agent-team';
import { Diversion } from '@/features/agents/components/diversion';
import { ModelTier } from '@/features/agents/components/model-tier';
import { inWords, titleOf } from '@/lib/json-schema/titles';

interface AgentHeaderProps {
  agent: AgentInfo;
  /** What else can be done with it. */
  actions?: ReactNode;
}

/** What an agent is for, what it is not for, and what it works with. */
export function AgentHeader({ agent, actions }: AgentHeaderProps) {
  const groups = useQuery(listGroupsOptions);
  const groupName = groups.data?.find((group) => group.id === agent.group)?.name ?? titleOf(agent.group);
  return (
    <header className={classes.header}>
      <nav aria-label="Breadcrumb" className={classes.crumbs}>
        <Link to="/">Agents</Link>
        <span aria-hidden="true">/</span>
        <Link to="/" search={{ group: agent.group }}>
          {groupName}
        </Link>
      </nav>
      <div className={classes.line}>
        <Title order={1}>{agent.name}</Title>
        {actions}
      </div>
      <Text className={classes.summary}>{agent.summary}</Text>
      <div className={classes.facts}>
        <ModelTier tier={agent.model} />
        <span>Version {agent.version}</span>
        {agent.tools.length > 0 && (
          <Tooltip label="What the agent can call while it works">
            <span>Uses {agent.tools.map(inWords).join(', ')}</span>
          </Tooltip>
        )}
        <span className={classes.tags}>
          {agent.tags.map((tag) => (
            <Badge
              key={tag}
              color="gray"
              className={classes.tag}
              renderRoot={(props) => <Link {...props} to="/" search={{ tag }} />}
            >
              {titleOf(tag)}
            </Badge>
          ))}
        </span>
      </div>
      <div className={classes.fit}>
        <section>
          <h2 className={classes.label}>Use it when</h2>
          <Text>{agent.use_when}</Text>
        </section>
        <section>
          <h2 className={classes.label}>Not for</h2>
          {agent.not_when.map((diversion) => (
            <Diversion key={diversion.ask} {...diversion} />
          ))}
        </section>
        {agent.guardrails.escalate.length > 0 && (
          <section>
            <h2 className={classes.label}>Hands to a person</h2>
            {agent.guardrails.escalate.map((matter) => (
              <Text key={matter}>{matter}</Text>
            ))}
          </section>
        )}
      </div>
      {(agent.team !== null || agent.consults.length > 0) && <AgentTeam team={agent.team} consults={agent.consults} />}
    </header>
  );
}
