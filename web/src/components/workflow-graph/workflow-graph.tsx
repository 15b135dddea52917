import { SegmentedControl, Skeleton } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { lazy, Suspense, useState } from 'react';

import { Panel } from '@/components/panel';
import { StepOutline } from '@/components/workflow-graph/step-outline';
import type { WorkflowDrawingProps } from '@/components/workflow-graph/workflow-drawing';

const WorkflowDrawing = lazy(() => import('@/components/workflow-graph/workflow-drawing'));

interface WorkflowGraphProps extends WorkflowDrawingProps {
  title?: string;
  /** Whether the page has a list of the steps besides, so that the picture needs none. */
  isListed?: boolean;
}

/** What a workflow does, as a picture or as a list in words; on a phone the list comes first. */
export function WorkflowGraph({ title = 'Steps', isListed = false, ...shown }: WorkflowGraphProps) {
  const isNarrow = useMediaQuery('(width < 48em)', false, { getInitialValueInEffect: false });
  const [chosen, setChosen] = useState<string | null>(null);
  const mode = chosen ?? (isNarrow ? 'list' : 'picture');
  return (
    <Panel
      title={title}
      actions={
        !isListed && (
          <SegmentedControl
            size="xs"
            aria-label="How to show the steps"
            data={[
              { value: 'picture', label: 'Picture' },
              { value: 'list', label: 'List' },
            ]}
            value={mode}
            onChange={setChosen}
          />
        )
      }
    >
      {mode === 'picture' || isListed ? (
        <Suspense fallback={<Skeleton height={360} role="status" aria-busy="true" aria-label="Drawing the workflow" />}>
          <WorkflowDrawing {...shown} />
        </Suspense>
      ) : (
        <StepOutline {...shown} />
      )}
    </Panel>
  );
}
