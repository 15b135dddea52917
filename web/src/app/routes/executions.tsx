import { Anchor, Text, Title } from '@mantine/core';
import { createRoute, Link } from '@tanstack/react-router';

import { memberRoute } from '@/app/routes/member';
import { usePageTitle } from '@/app/use-page-title';
import { ExecutionList } from '@/features/executions/components/execution-list';

export const executionsRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/executions',
  component: ExecutionsPage,
  validateSearch: (search: Record<string, unknown>): { agent?: string | undefined } => ({
    agent: typeof search['agent'] === 'string' ? search['agent'] : undefined,
  }),
});

function ExecutionsPage() {
  usePageTitle('Executions');
  const { agent } = executionsRoute.useSearch();
  return (
    <>
      <Title order={1}>Executions</Title>
      <Text c="dimmed" mt={4} mb="lg">
        {agent ? (
          <>
            Your runs of {agent}.{' '}
            <Anchor inherit renderRoot={(props) => <Link {...props} to="/executions" />}>
              Show all
            </Anchor>
          </>
        ) : (
          'Your runs, newest first.'
        )}
      </Text>
      <ExecutionList agentId={agent} />
    </>
  );
}
