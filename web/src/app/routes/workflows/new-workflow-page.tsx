import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';

import { usePageTitle } from '@/app/use-page-title';
import { ProblemAlert } from '@/components/problem-alert';
import { AgentName } from '@/features/agents/components/agent-name';
import { getWorkflowOptions } from '@/features/workflows/api/get-workflow';
import { EditorHead } from '@/features/workflows/components/editor-head';
import { SpecEditor } from '@/features/workflows/components/spec-editor';
import { EXAMPLE_SPEC } from '@/features/workflows/example-spec';

const route = getRouteApi('/member/workflows/new');

/** A new workflow: begins with an example, or with a copy of another one. */
export function NewWorkflowPage() {
  usePageTitle('New workflow');
  const { from } = route.useSearch();
  const navigate = route.useNavigate();
  const original = useQuery({ ...getWorkflowOptions(from ?? ''), enabled: from !== undefined });
  const start = from === undefined ? EXAMPLE_SPEC : original.data?.source;
  return (
    <>
      <EditorHead title="New workflow">
        {from === undefined
          ? 'Begin with the example: change a step and see what becomes of it.'
          : 'A copy to change. Give it a name of its own before you save it.'}
      </EditorHead>
      {original.isError && <ProblemAlert error={original.error} onRetry={() => void original.refetch()} />}
      {start === undefined ? (
        !original.isError && (
          <Skeleton height={480} radius="lg" role="status" aria-busy="true" aria-label="Loading the source" />
        )
      ) : (
        <SpecEditor
          key={from}
          start={start}
          AgentName={AgentName}
          onSaved={(id) => void navigate({ to: '/workflows/$id', params: { id } })}
        />
      )}
    </>
  );
}
