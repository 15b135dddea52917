import { Skeleton, Text } from '@mantine/core';
import { IconCircleCheck } from '@tabler/icons-react';
import type { ComponentType } from 'react';

import { JsonText } from '@/components/json-text';
import { ProblemAlert } from '@/components/problem-alert';
import { WorkflowGraph } from '@/components/workflow-graph/workflow-graph';
import type { CheckedWorkflow } from '@/features/workflows/api/check-workflow';
import classes from '@/features/workflows/components/spec-editor.module.css';
import { SpecFaults } from '@/features/workflows/components/spec-faults';
import { ApiProblem } from '@/lib/api/problem';
import { formatBytes } from '@/lib/format';
import type { Json } from '@/lib/json-schema/types';

interface SpecCheckProps {
  /** The last source that was in order. */
  checked: CheckedWorkflow | undefined;
  /** Whether that is the source as it stands. */
  isCurrent: boolean;
  error: Error | null;
  source: string;
  onGoTo: (line: number) => void;
  AgentName: ComponentType<{ id: string }>;
}

/** What came of checking a spec: its faults, its picture, and what it compiles to. */
export function SpecCheck({ checked, isCurrent, error, source, onGoTo, AgentName }: SpecCheckProps) {
  return (
    <>
      <div role="status">
        {isCurrent && checked && (
          <p className={classes.verdict}>
            <IconCircleCheck size={18} stroke={1.75} aria-hidden="true" />
            In order. It compiles to {formatBytes(checked.bytes)} of Amazon States Language.
          </p>
        )}
      </div>
      {error instanceof ApiProblem && (error.status === 422 || error.status === 400) ? (
        <SpecFaults problem={error} source={source} onGoTo={onGoTo} />
      ) : (
        error && <ProblemAlert error={error} title="It could not be checked" />
      )}
      {checked ? (
        <div className={classes.picture} data-stale={!isCurrent || undefined}>
          <WorkflowGraph graph={checked.graph} AgentName={AgentName} />
          {isCurrent && (
            <details className={classes.asl}>
              <summary>What it compiles to</summary>
              <JsonText label="Amazon States Language" value={checked.asl as Json} />
            </details>
          )}
        </div>
      ) : (
        !error &&
        (source.trim() === '' ? (
          <Text c="dimmed" size="sm">
            The picture of the workflow appears here as soon as there is one.
          </Text>
        ) : (
          <Skeleton height={420} radius="lg" role="status" aria-busy="true" aria-label="Checking the spec" />
        ))
      )}
    </>
  );
}
