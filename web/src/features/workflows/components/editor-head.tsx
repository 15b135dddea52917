import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import { RecordHeader } from '@/components/record-header';

interface EditorHeadProps {
  title: string;
  /** The workflow that is edited, for the way back. */
  workflowId?: string;
  action?: ReactNode;
  children: string;
}

/** What is being written, and the way back. */
export function EditorHead({ title, workflowId, action, children }: EditorHeadProps) {
  return (
    <RecordHeader
      crumbs={
        <>
          <Anchor inherit renderRoot={(props) => <Link {...props} to="/workflows" />}>
            Workflows
          </Anchor>
          {workflowId && (
            <>
              <span aria-hidden="true">/</span>
              <Anchor
                inherit
                renderRoot={(props) => <Link {...props} to="/workflows/$id" params={{ id: workflowId }} />}
              >
                {title}
              </Anchor>
            </>
          )}
        </>
      }
      title={workflowId ? 'Source' : title}
      actions={action}
    >
      {children}
    </RecordHeader>
  );
}
