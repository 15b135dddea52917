import { Anchor, Button, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import { TraceId } from '@/components/trace-id';
import type { Execution } from '@/features/executions/api/get-execution';
import classes from '@/features/executions/components/execution-header.module.css';
import { EscalationBadge } from '@/features/executions/components/escalation-badge';
import { StatusBadge } from '@/features/executions/components/status-badge';
import { formatMoment } from '@/lib/format';
import { titleOf } from '@/lib/json-schema/titles';

interface ExecutionHeaderProps {
  execution: Execution;
  /** Its name in the catalogue, while it is there. */
  agentName: string | undefined;
}

export function ExecutionHeader({ execution, agentName }: ExecutionHeaderProps) {
  const [group = '', name = ''] = execution.agent_id.split('/');
  return (
    <header className={classes.header}>
      <nav aria-label="Breadcrumb" className={classes.crumbs}>
        <Anchor inherit renderRoot={(props) => <Link {...props} to="/executions" />}>
          Executions
        </Anchor>
      </nav>
      <div className={classes.line}>
        <Title order={1}>{agentName ?? titleOf(name)}</Title>
        {agentName && (
          <Button
            variant="default"
            renderRoot={(props) => <Link {...props} to="/agents/$group/$name" params={{ group, name }} />}
          >
            Open the agent
          </Button>
        )}
      </div>
      <div className={classes.facts}>
        <StatusBadge status={execution.status} />
        {execution.escalation && <EscalationBadge escalation={execution.escalation} />}
        <time dateTime={execution.started_at}>{formatMoment(execution.started_at)}</time>
        <span>Version {execution.agent_version}</span>
        {execution.parent_id && (
          <Anchor
            inherit
            renderRoot={(props) => <Link {...props} to="/executions/$id" params={{ id: execution.parent_id ?? '' }} />}
          >
            Put to work by another agent
          </Anchor>
        )}
        {execution.session_id && agentName && (
          <Anchor
            inherit
            renderRoot={(props) => (
              <Link
                {...props}
                to="/agents/$group/$name/conversations/$id"
                params={{ group, name, id: execution.session_id ?? '' }}
              />
            )}
          >
            Turn of a conversation
          </Anchor>
        )}
        {execution.batch_id && (
          <Anchor
            inherit
            renderRoot={(props) => <Link {...props} to="/batches/$id" params={{ id: execution.batch_id ?? '' }} />}
          >
            Line of a batch
          </Anchor>
        )}
        {execution.run_id && (
          <Anchor
            inherit
            renderRoot={(props) => <Link {...props} to="/runs/$id" params={{ id: execution.run_id ?? '' }} />}
          >
            Step of a run
          </Anchor>
        )}
        <span className={classes.id}>{execution.id}</span>
        <TraceId id={execution.trace_id} />
      </div>
    </header>
  );
}
