import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';

import { usePageTitle } from '@/app/use-page-title';
import { NotFound } from '@/components/not-found';
import { ProblemAlert } from '@/components/problem-alert';
import { AgentName } from '@/features/agents/components/agent-name';
import { getRunOptions } from '@/features/runs/api/get-run';
import { RunHeader } from '@/features/runs/components/run-header';
import { RunRecord } from '@/features/runs/components/run-record';
import { getWorkflowOptions } from '@/features/workflows/api/get-workflow';
import { ApiProblem } from '@/lib/api/problem';

const route = getRouteApi('/member/runs/$id');

export function RunPage() {
  const { id } = route.useParams();
  const navigate = route.useNavigate();
  const { data: run, error, refetch } = useQuery(getRunOptions(id));
  const workflow = useQuery({ ...getWorkflowOptions(run?.workflow_id ?? ''), enabled: run !== undefined });
  usePageTitle(run ? `Run of ${run.workflow_title}` : 'Run');
  if (error instanceof ApiProblem && error.status === 404) {
    return (
      <NotFound title="There is no such run" back="/runs">
        You have no run with the id {id}.
      </NotFound>
    );
  }
  if (error && !run) return <ProblemAlert error={error} onRetry={() => void refetch()} />;
  if (!run) return <Skeleton height={480} radius="lg" role="status" aria-busy="true" aria-label="Loading the run" />;
  return (
    <>
      <RunHeader
        run={run}
        onRetried={(next) => {
          if (next !== id) void navigate({ to: '/runs/$id', params: { id: next } });
        }}
      />
      <RunRecord
        key={id}
        run={run}
        inputSchema={workflow.data?.version === run.version ? workflow.data.input_schema : undefined}
        AgentName={AgentName}
      />
    </>
  );
}
