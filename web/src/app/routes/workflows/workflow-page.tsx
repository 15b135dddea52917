import { Alert, Anchor, Skeleton } from '@mantine/core';
import { IconArchive, IconPencil } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import classes from '@/app/routes/workflows/workflows.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { EmptyNote } from '@/components/empty-note';
import { NotFound } from '@/components/not-found';
import { ProblemAlert } from '@/components/problem-alert';
import { WorkflowGraph } from '@/components/workflow-graph/workflow-graph';
import { AgentName } from '@/features/agents/components/agent-name';
import { RunList } from '@/features/runs/components/run-list';
import { StartPanel } from '@/features/runs/components/start-panel';
import { TriggerList } from '@/features/triggers/components/trigger-list';
import { getWorkflowOptions, type Workflow } from '@/features/workflows/api/get-workflow';
import { VersionList } from '@/features/workflows/components/version-list';
import { WorkflowHeader } from '@/features/workflows/components/workflow-header';
import { ApiProblem } from '@/lib/api/problem';
import type { JsonObject } from '@/lib/json-schema/types';

const route = getRouteApi('/member/workflows/$id');

/** The newest runs that the page shows; all of them stand under Runs. */
const NEWEST = 5;

export function WorkflowPage() {
  const { id } = route.useParams();
  const { data: workflow, error, refetch } = useQuery(getWorkflowOptions(id));
  usePageTitle(workflow?.title ?? 'Workflow');
  if (error instanceof ApiProblem && error.status === 404) {
    return (
      <NotFound title="There is no such workflow" back="/workflows">
        There is none with the id {id}, or it is not yours.
      </NotFound>
    );
  }
  if (error && !workflow) return <ProblemAlert error={error} onRetry={() => void refetch()} />;
  if (!workflow) return <WorkflowSkeleton />;
  return <Page workflow={workflow} />;
}

function Page({ workflow }: { workflow: Workflow }) {
  const { id, status } = workflow;
  const navigate = route.useNavigate();
  const example = workflow.example as JsonObject | null;
  const picture = <WorkflowGraph graph={workflow.graph} AgentName={AgentName} />;
  return (
    <>
      <WorkflowHeader workflow={workflow} />
      <div className={classes.columns}>
        <div className={classes.stack}>
          {status === 'draft' && (
            <Alert color="yellow" role="note" icon={<IconPencil />} title="Not published yet">
              Publish it to run it: until then only you see it.
            </Alert>
          )}
          {status === 'archived' && (
            <Alert color="gray" role="note" icon={<IconArchive />} title="Archived">
              No further run can be started. What has run stays readable.
            </Alert>
          )}
          {status === 'published' && (
            <StartPanel
              key={`${id} ${workflow.version}`}
              workflowId={id}
              schema={workflow.input_schema}
              example={example}
              onStarted={(runId) => void navigate({ to: '/runs/$id', params: { id: runId } })}
            />
          )}
          {status !== 'published' && picture}
        </div>
        <div className={classes.stack}>
          {status === 'published' && picture}
          <TriggerList workflowId={id} isLive={status === 'published'} example={example} />
          <VersionList workflow={workflow} />
        </div>
      </div>
      <section aria-labelledby="newest-runs">
        <h2 id="newest-runs" className={classes.title}>
          Your newest runs
        </h2>
        <RunList
          filter={{ workflow: id }}
          most={NEWEST}
          empty={
            <EmptyNote title="It has not been run yet">Each run is kept here with every step and its cost.</EmptyNote>
          }
        />
        <Anchor
          size="sm"
          mt="sm"
          display="inline-block"
          renderRoot={(props) => <Link {...props} to="/runs" search={{ workflow: id }} />}
        >
          All your runs of it
        </Anchor>
      </section>
    </>
  );
}

function WorkflowSkeleton() {
  return (
    <div aria-busy="true" aria-label="Loading the workflow">
      <Skeleton height={16} width={120} mb="md" />
      <Skeleton height={40} width="min(26rem, 80%)" mb="md" />
      <Skeleton height={24} width="min(46rem, 100%)" mb="xl" />
      <Skeleton height={420} radius="lg" />
    </div>
  );
}
