import { Alert, Anchor } from '@mantine/core';
import { IconAlertTriangle, IconUserCheck } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { type ComponentType, useMemo, useState } from 'react';

import { ValuePanel } from '@/components/value-panel';
import type { StepState } from '@/components/workflow-graph/graph';
import { WorkflowGraph } from '@/components/workflow-graph/workflow-graph';
import type { Run, RunStep } from '@/features/runs/api/get-run';
import { LeftOut } from '@/features/runs/components/left-out';
import classes from '@/features/runs/components/run-record.module.css';
import { RunSteps } from '@/features/runs/components/run-steps';
import type { Json, Schema } from '@/lib/json-schema/types';

interface RunRecordProps {
  run: Run;
  /** The input's schema, while the workflow is as it was. */
  inputSchema: Schema | undefined;
  AgentName: ComponentType<{ id: string }>;
}

/** A run: the picture of its workflow as it stands, every step, what went in and what came out. */
export function RunRecord({ run, inputSchema, AgentName }: RunRecordProps) {
  const [opened, setOpened] = useState<string | null>(null);
  const states = useMemo(
    () => new Map<string, StepState>(run.steps.map((step) => [step.id, { status: step.status, note: noteOf(step) }])),
    [run.steps],
  );
  const blamed = run.steps.find(({ id }) => id === run.error?.step_id);
  const waiting =
    run.status === 'running' ? run.steps.filter((step) => step.status === 'waiting' && step.approval_id) : [];

  function show(stepId: string) {
    setOpened(stepId);
    document.getElementById(`step-${stepId}`)?.scrollIntoView({ behavior: 'smooth', block: 'nearest' });
  }

  return (
    <>
      {run.error && (
        <Alert
          color={run.status === 'stopped' ? 'gray' : 'red'}
          role="alert"
          icon={<IconAlertTriangle />}
          title={blamed ? `It failed at “${blamed.title}”` : 'It did not finish'}
          mb="lg"
        >
          {run.error.message}
        </Alert>
      )}
      {waiting.map((step) => (
        <Alert key={step.id} color="yellow" role="note" icon={<IconUserCheck />} title="A person must decide" mb="lg">
          The run waits at “{step.title}”.{' '}
          <Anchor
            inherit
            renderRoot={(props) => <Link {...props} to="/approvals/$id" params={{ id: step.approval_id ?? '' }} />}
          >
            Open the decision
          </Anchor>
        </Alert>
      ))}
      <div className={classes.columns}>
        <div className={classes.picture}>
          <WorkflowGraph
            title="Picture"
            isListed
            graph={run.graph}
            states={states}
            selected={opened ?? undefined}
            onSelect={show}
            AgentName={AgentName}
          />
        </div>
        <RunSteps steps={run.steps} opened={opened} onOpen={setOpened} />
      </div>
      <div className={classes.values}>
        {run.output !== null && run.output !== undefined && (
          <ValuePanel title="Output" value={run.output as Json} schema={undefined} />
        )}
        {!run.left_out.includes('input') && <ValuePanel title="Input" value={run.input as Json} schema={inputSchema} />}
        {run.left_out.length > 0 && <LeftOut parts={run.left_out} />}
      </div>
    </>
  );
}

/** How far a map has come, or how often a step was begun. */
function noteOf({ counts, tries, kind }: RunStep): string | undefined {
  if (counts) return `${counts.succeeded + counts.failed} of ${counts.total}`;
  if (tries > 1) return kind === 'loop' ? `${tries} rounds` : `${tries} tries`;
  return undefined;
}
