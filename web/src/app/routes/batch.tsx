import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { createRoute } from '@tanstack/react-router';

import { memberRoute } from '@/app/routes/member';
import { usePageTitle } from '@/app/use-page-title';
import { NotFound } from '@/components/not-found';
import { ProblemAlert } from '@/components/problem-alert';
import { AgentName } from '@/features/agents/components/agent-name';
import { getBatchOptions } from '@/features/batches/api/get-batch';
import { BatchHeader } from '@/features/batches/components/batch-header';
import { BatchRecord } from '@/features/batches/components/batch-record';
import { ApiProblem } from '@/lib/api/problem';

export const batchRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/batches/$id',
  component: BatchPage,
});

function BatchPage() {
  usePageTitle('Batch');
  const { id } = batchRoute.useParams();
  const { data: batch, error, refetch } = useQuery(getBatchOptions(id));
  if (error instanceof ApiProblem && error.status === 404) {
    return <NotFound title="There is no such batch">You have no batch with the id {id}.</NotFound>;
  }
  if (error && !batch) return <ProblemAlert error={error} onRetry={() => void refetch()} />;
  if (!batch)
    return <Skeleton height={320} radius="lg" role="status" aria-busy="true" aria-label="Loading the batch" />;
  return (
    <>
      <BatchHeader batch={batch} agent={<AgentName id={batch.agent_id} />} />
      <BatchRecord batch={batch} />
    </>
  );
}
