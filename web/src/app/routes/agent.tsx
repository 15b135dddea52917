import { Button, Group, Skeleton } from '@mantine/core';
import { IconStack2 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { createRoute, Link } from '@tanstack/react-router';

import classes from '@/app/routes/agent.module.css';
import { memberRoute } from '@/app/routes/member';
import { usePageTitle } from '@/app/use-page-title';
import { NotFound } from '@/components/not-found';
import { ProblemAlert } from '@/components/problem-alert';
import { getAgentOptions } from '@/features/agents/api/get-agent';
import { AgentHeader } from '@/features/agents/components/agent-header';
import { AgentSwitch, SwitchedOffNote } from '@/features/agents/components/agent-switch';
import { BudgetCard } from '@/features/budget/components/budget-card';
import { ConversationsPanel } from '@/features/conversations/components/conversations-panel';
import { EvaluationsPanel } from '@/features/evaluations/components/evaluations-panel';
import { RunPanel } from '@/features/executions/components/run-panel';
import { ApiProblem } from '@/lib/api/problem';
import { isOperator } from '@/lib/session/session';
import { useUser } from '@/lib/session/use-user';

export const agentRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/agents/$group/$name',
  component: AgentPage,
});

function AgentPage() {
  const { group, name } = agentRoute.useParams();
  const { data: agent, error, refetch } = useQuery(getAgentOptions(group, name));
  const mayChange = isOperator(useUser());
  usePageTitle(agent?.name ?? 'Agent');

  if (error instanceof ApiProblem && error.status === 404) {
    return (
      <NotFound title="There is no such agent">
        The catalogue holds no agent {group}/{name}. It may have been renamed.
      </NotFound>
    );
  }
  if (error) return <ProblemAlert error={error} onRetry={() => void refetch()} />;
  if (!agent) return <AgentSkeleton />;
  return (
    <>
      <AgentHeader
        agent={agent}
        actions={
          <Group gap="xs">
            {mayChange && <AgentSwitch agent={agent} />}
            <Button
              variant="default"
              leftSection={<IconStack2 size={16} stroke={1.75} aria-hidden="true" />}
              renderRoot={(props) => <Link {...props} to="/batches" search={{ agent: agent.id }} />}
            >
              Run a batch
            </Button>
          </Group>
        }
      />
      <SwitchedOffNote agent={agent} mayChange={mayChange} />
      {agent.memory !== 'none' && <ConversationsPanel agentId={agent.id} />}
      <RunPanel key={agent.id} agent={agent} budget={<BudgetCard />} />
      <div className={classes.below}>
        <EvaluationsPanel key={`${agent.id} evaluations`} agentId={agent.id} current={agent.version} />
      </div>
    </>
  );
}

function AgentSkeleton() {
  return (
    <div aria-busy="true" aria-label="Loading the agent">
      <Skeleton height={16} width={180} mb="md" />
      <Skeleton height={40} width="min(26rem, 80%)" mb="md" />
      <Skeleton height={24} width="min(46rem, 100%)" mb="xl" />
      <Skeleton height={420} radius="lg" />
    </div>
  );
}
