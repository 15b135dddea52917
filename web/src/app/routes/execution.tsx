import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { createRoute } from '@tanstack/react-router';

import { memberRoute } from '@/app/routes/member';
import { usePageTitle } from '@/app/use-page-title';
import { NotFound } from '@/components/not-found';
import { ProblemAlert } from '@/components/problem-alert';
import { getAgentOptions } from '@/features/agents/api/get-agent';
import { getExecutionOptions } from '@/features/executions/api/get-execution';
import { ExecutionHeader } from '@/features/executions/components/execution-header';
import { ExecutionRecord } from '@/features/executions/components/execution-record';
import { RunApproved } from '@/features/executions/components/run-approved';
import { ToolCall } from '@/features/tool-approvals/components/tool-call';
import { ApiProblem } from '@/lib/api/problem';

export const executionRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/executions/$id',
  component: ExecutionPage,
});

function ExecutionPage() {
  usePageTitle('Execution');
  const { id } = executionRoute.useParams();
  const { data: execution, error, refetch } = useQuery(getExecutionOptions(id));
  const [group = '', name = ''] = execution?.agent_id.split('/') ?? [];
  const agent = useQuery({ ...getAgentOptions(group, name), enabled: execution !== undefined });

  if (error instanceof ApiProblem && error.status === 404) {
    return <NotFound title="There is no such execution">You have no run with the id {id}.</NotFound>;
  }
  if (error && !execution) return <ProblemAlert error={error} onRetry={() => void refetch()} />;
  if (!execution || agent.isPending)
    return <Skeleton height={480} radius="lg" role="status" aria-busy="true" aria-label="Loading the execution" />;
  return (
    <>
      <ExecutionHeader execution={execution} agentName={agent.data?.name} />
      {execution.tool_approval_id && (
        <ToolCall
          id={execution.tool_approval_id}
          onceApproved={<RunApproved execution={execution} approvalId={execution.tool_approval_id} />}
        />
      )}
      <ExecutionRecord execution={execution} inputSchema={agent.data?.input} outputSchema={agent.data?.output} />
    </>
  );
}
