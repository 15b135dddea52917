import { Button } from '@mantine/core';
import { IconRocket } from '@tabler/icons-react';

import { ProblemAlert } from '@/components/problem-alert';
import { usePublishWorkflow } from '@/features/workflows/api/publish-workflow';

interface PublishButtonProps {
  workflowId: string;
  version: number;
}

/** Makes a version the live one. */
export function PublishButton({ workflowId, version }: PublishButtonProps) {
  const publish = usePublishWorkflow();
  return (
    <>
      <Button
        leftSection={<IconRocket size={16} stroke={1.75} aria-hidden="true" />}
        loading={publish.isPending}
        onClick={() => publish.mutate({ workflowId, version })}
      >
        Publish version {version}
      </Button>
      {publish.isError && <ProblemAlert error={publish.error} title="It was not published" />}
    </>
  );
}
