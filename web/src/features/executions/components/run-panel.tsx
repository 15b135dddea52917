import type { ReactNode } from 'react';

import { InputPanel } from '@/components/input-panel/input-panel';
import { OutputPanel } from '@/features/executions/components/output-panel';
import classes from '@/features/executions/components/run-panel.module.css';
import { useRun } from '@/features/executions/components/use-run';
import type { components } from '@/lib/api/schema';
import type { JsonObject } from '@/lib/json-schema/types';

interface RunPanelProps {
  agent: components['schemas']['AgentInfo'];
  /** What is left to spend, for when that stops a run. */
  budget?: ReactNode;
}

/** Where an agent is tried: its input on one side, its answer on the other. */
export function RunPanel({ agent, budget }: RunPanelProps) {
  const { run, runInBackground, isAccepting, again, stop, execution, error, startedAt } = useRun({ agentId: agent.id });
  return (
    <div className={classes.playground}>
      <InputPanel
        schema={agent.input}
        example={agent.example.input as JsonObject}
        problem={error}
        isRunning={startedAt !== null}
        onRun={run}
        isAccepting={isAccepting}
        onRunInBackground={runInBackground}
      />
      <OutputPanel
        agent={agent}
        execution={execution}
        error={error}
        budget={budget}
        startedAt={startedAt}
        onStop={stop}
        onAgain={again}
      />
    </div>
  );
}
