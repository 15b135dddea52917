import { Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { createRoute } from '@tanstack/react-router';

import classes from '@/app/routes/batches.module.css';
import { memberRoute } from '@/app/routes/member';
import { usePageTitle } from '@/app/use-page-title';
import { getAgentOptions } from '@/features/agents/api/get-agent';
import { AgentName } from '@/features/agents/components/agent-name';
import { AgentPicker } from '@/features/agents/components/agent-picker';
import { BatchList } from '@/features/batches/components/batch-list';
import { NewBatch } from '@/features/batches/components/new-batch';
import type { JsonObject } from '@/lib/json-schema/types';

export const batchesRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/batches',
  component: BatchesPage,
  validateSearch: (search: Record<string, unknown>): { agent?: string | undefined } => ({
    agent: typeof search['agent'] === 'string' ? search['agent'] : undefined,
  }),
});

function BatchesPage() {
  usePageTitle('Batches');
  const { agent: agentId } = batchesRoute.useSearch();
  const navigate = batchesRoute.useNavigate();
  const [group = '', name = ''] = agentId?.split('/') ?? [];
  const agent = useQuery({ ...getAgentOptions(group, name), enabled: agentId !== undefined });
  return (
    <>
      <Title order={1}>Batches</Title>
      <Text c="dimmed" mt={4} mb="lg">
        One agent over many inputs: each line of a file is a run.
      </Text>
      <div className={classes.columns}>
        <NewBatch
          agentId={agentId}
          agentPicker={
            <AgentPicker
              value={agentId}
              onChange={(chosen) => void navigate({ search: { agent: chosen }, replace: true })}
            />
          }
          example={agent.data?.example.input as JsonObject | undefined}
          onStarted={(id) => void navigate({ to: '/batches/$id', params: { id } })}
        />
        <section aria-label="Your batches">
          <h2 className={classes.title}>Your batches</h2>
          <BatchList AgentName={AgentName} />
        </section>
      </div>
    </>
  );
}
