import { TextInput } from '@mantine/core';
import { useState } from 'react';

import { InputPanel } from '@/components/input-panel/input-panel';
import { ProblemAlert } from '@/components/problem-alert';
import { useStartRun } from '@/features/runs/api/start-run';
import { ApiProblem } from '@/lib/api/problem';
import type { JsonObject, Schema } from '@/lib/json-schema/types';

interface StartPanelProps {
  workflowId: string;
  schema: Schema;
  example: JsonObject | null;
  onStarted: (runId: string) => void;
}

const NO_EXAMPLE: JsonObject = {};

/** Where a workflow is run: its input, filled with its example, and the reader's own name for the run. */
export function StartPanel({ workflowId, schema, example, onStarted }: StartPanelProps) {
  const start = useStartRun();
  const [name, setName] = useState('');
  const problem = start.error;
  const fields = problem instanceof ApiProblem ? problem.fields : [];
  const nameFault = fields.find(({ field }) => /^(body\.)?name$/.test(field))?.message;
  const isAboutInput = fields.length > 0 && nameFault === undefined;
  return (
    <InputPanel
      title="Run it"
      action="Start a run"
      schema={schema}
      example={example ?? NO_EXAMPLE}
      exampleOf="workflow"
      problem={isAboutInput ? problem : null}
      isRunning={start.isPending}
      onRun={(input) =>
        start.mutate({ workflowId, input, name: name.trim() }, { onSuccess: ({ id }) => onStarted(id) })
      }
    >
      {problem && !isAboutInput && nameFault === undefined && (
        <ProblemAlert
          error={problem}
          title={
            problem instanceof ApiProblem && problem.status === 0
              ? 'Whether it began is not known: look under Runs first'
              : 'It was not started'
          }
        />
      )}
      <TextInput
        label="Name of the run"
        description="Optional. The same name twice is one run, so nothing runs twice by mistake."
        placeholder="invoice-2026-0815"
        maxLength={100}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={nameFault}
        mb="md"
      />
    </InputPanel>
  );
}
