import { Anchor, Button } from '@mantine/core';
import { IconArchive, IconPencil } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';

import { ConfirmButton } from '@/components/confirm-button';
import { RecordHeader } from '@/components/record-header';
import { useArchiveWorkflow } from '@/features/workflows/api/archive-workflow';
import type { Workflow } from '@/features/workflows/api/get-workflow';
import { PublishButton } from '@/features/workflows/components/publish-button';
import { WorkflowStatus } from '@/features/workflows/components/workflow-status';
import { titleOf } from '@/lib/json-schema/titles';

/** What a workflow is for, how it stands, and what its author can do with it. */
export function WorkflowHeader({ workflow }: { workflow: Workflow }) {
  const { id, live_version, latest_version } = workflow;
  const archive = useArchiveWorkflow(id);
  const isOpen = workflow.owner === 'me' && workflow.status !== 'archived';
  return (
    <RecordHeader
      crumbs={
        <Anchor inherit renderRoot={(props) => <Link {...props} to="/workflows" />}>
          Workflows
        </Anchor>
      }
      title={workflow.title}
      summary={workflow.description}
      actions={
        isOpen && (
          <>
            {live_version !== latest_version && <PublishButton workflowId={id} version={latest_version} />}
            <Button
              variant="default"
              leftSection={<IconPencil size={16} stroke={1.75} aria-hidden="true" />}
              renderRoot={(props) => <Link {...props} to="/workflows/$id/edit" params={{ id }} />}
            >
              Edit
            </Button>
            <ConfirmButton
              leftSection={<IconArchive size={16} stroke={1.75} aria-hidden="true" />}
              question="Archive this workflow?"
              consequence="No further run can be started, and its schedules and triggers are removed. Runs under way go on, and everything stays readable."
              yes="Archive"
              no="Keep it"
              isPending={archive.isPending}
              error={archive.error}
              onConfirm={(close) => archive.mutate(undefined, { onSuccess: close })}
            >
              Archive
            </ConfirmButton>
          </>
        )
      }
    >
      <span role="status">
        <WorkflowStatus status={workflow.status} />
      </span>
      <span>{workflow.owner === 'platform' ? 'By the platform' : 'Mine'}</span>
      <span>{live_version === null ? `Version ${latest_version}, not live` : `Version ${live_version} is live`}</span>
      {workflow.tags.length > 0 && <span>{workflow.tags.map((tag) => titleOf(tag)).join(', ')}</span>}
      <code>{workflow.owner === 'platform' ? `platform/${workflow.name}` : workflow.name}</code>
    </RecordHeader>
  );
}
