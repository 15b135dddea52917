import { Anchor, Text, Title } from '@mantine/core';
import { createRoute, Link } from '@tanstack/react-router';

import { memberRoute } from '@/app/routes/member';
import classes from '@/app/routes/list-head.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { AgentName } from '@/features/agents/components/agent-name';
import { GroupName } from '@/features/agents/components/group-name';
import { BudgetCard } from '@/features/budget/components/budget-card';
import type { ExecutionStatus } from '@/features/executions/api/get-execution';
import type { ExecutionFilter } from '@/features/executions/api/list-executions';
import { ExecutionFilters } from '@/features/executions/components/execution-filters';
import { ExecutionList } from '@/features/executions/components/execution-list';
import { STATUS_LABELS } from '@/features/executions/components/status-badge';

export const executionsRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/executions',
  component: ExecutionsPage,
  validateSearch: ({ agent, status }: Record<string, unknown>): ExecutionFilter => ({
    agent: typeof agent === 'string' ? agent : undefined,
    status: STATUS_LABELS.some(({ value }) => value === status) ? (status as ExecutionStatus) : undefined,
  }),
});

function ExecutionsPage() {
  usePageTitle('Executions');
  const filter = executionsRoute.useSearch();
  const navigate = executionsRoute.useNavigate();
  return (
    <>
      <header className={classes.head}>
        <div>
          <Title order={1}>Executions</Title>
          <Text c="dimmed" mt={4}>
            {filter.agent ? (
              <>
                Your executions of <AgentName id={filter.agent} />.{' '}
                <Anchor inherit renderRoot={(props) => <Link {...props} to="/executions" />}>
                  Show all
                </Anchor>
              </>
            ) : (
              'Your executions of agents, newest first.'
            )}
          </Text>
        </div>
        <ExecutionFilters filter={filter} onChange={(search) => void navigate({ search, replace: true })} />
      </header>
      <BudgetCard />
      <ExecutionList filter={filter} AgentName={AgentName} GroupName={GroupName} />
    </>
  );
}
