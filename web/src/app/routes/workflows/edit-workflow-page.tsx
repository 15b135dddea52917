import { Button, Skeleton } from '@mantine/core';
import { IconCopy } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { usePageTitle } from '@/app/use-page-title';
import { NotFound } from '@/components/not-found';
import { ProblemAlert } from '@/components/problem-alert';
import { AgentName } from '@/features/agents/components/agent-name';
import { getVersionOptions } from '@/features/workflows/api/get-version';
import { getWorkflowOptions } from '@/features/workflows/api/get-workflow';
import { EditorHead } from '@/features/workflows/components/editor-head';
import { SpecEditor } from '@/features/workflows/components/spec-editor';
import { ApiProblem } from '@/lib/api/problem';

const route = getRouteApi('/member/workflows/$id/edit');

/** The source of a version: its author makes the next version of it, anybody else reads it. */
export function EditWorkflowPage() {
  const { id } = route.useParams();
  const { version } = route.useSearch();
  const navigate = route.useNavigate();
  const { data: workflow, error, refetch } = useQuery(getWorkflowOptions(id));
  const shown = version ?? workflow?.latest_version;
  const source = useQuery({ ...getVersionOptions(id, shown ?? 0), enabled: shown !== undefined });
  usePageTitle(workflow ? `Source of ${workflow.title}` : 'Source');

  const fault = error ?? source.error;
  if (fault instanceof ApiProblem && fault.status === 404) {
    return (
      <NotFound title="There is no such version" back="/workflows">
        The workflow or this version of it does not exist.
      </NotFound>
    );
  }
  if (fault && !(workflow && source.data)) {
    return <ProblemAlert error={fault} onRetry={() => void (error ? refetch() : source.refetch())} />;
  }
  if (!workflow || !source.data) {
    return <Skeleton height={480} radius="lg" role="status" aria-busy="true" aria-label="Loading the source" />;
  }
  const isReadOnly = workflow.owner !== 'me' || workflow.status === 'archived';
  return (
    <>
      <EditorHead
        title={workflow.title}
        workflowId={id}
        action={
          isReadOnly && (
            <Button
              variant="default"
              leftSection={<IconCopy size={16} stroke={1.75} aria-hidden="true" />}
              renderRoot={(props) => <Link {...props} to="/workflows/new" search={{ from: id }} />}
            >
              Make a copy of your own
            </Button>
          )
        }
      >
        {isReadOnly
          ? `Version ${source.data.version}, to be read.`
          : `Version ${source.data.version} is the start; saving makes version ${workflow.latest_version + 1}.`}
      </EditorHead>
      <SpecEditor
        key={`${id} ${source.data.version}`}
        workflow={workflow}
        start={source.data.source}
        isReadOnly={isReadOnly}
        AgentName={AgentName}
        onSaved={() => void navigate({ to: '/workflows/$id', params: { id } })}
      />
    </>
  );
}
