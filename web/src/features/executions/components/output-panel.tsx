import { Badge, Text } from '@mantine/core';
import { useReducedMotion } from '@mantine/hooks';
import { type ReactNode, useEffect, useRef } from 'react';

import { Panel } from '@/components/panel';
import { SchemaView } from '@/components/schema-view/schema-view';
import type { Execution } from '@/features/executions/api/get-execution';
import { ExecutionOutput } from '@/features/executions/components/execution-output';
import { RunProblem } from '@/features/executions/components/run-problem';
import { Running } from '@/features/executions/components/running';
import type { components } from '@/lib/api/schema';
import { ApiProblem } from '@/lib/api/problem';
import type { Json } from '@/lib/json-schema/types';

interface OutputPanelProps {
  agent: components['schemas']['AgentInfo'];
  execution: Execution | undefined;
  error: Error | null;
  budget?: ReactNode;
  /** When the run in progress began (Unix milliseconds), or null. */
  startedAt: number | null;
  onStop: () => void;
  onAgain: () => void;
}

/** The answer: before the first run the agent's example answer, then progress, then the result. */
export function OutputPanel({ agent, execution, error, budget, startedAt, onStop, onAgain }: OutputPanelProps) {
  const panel = useRef<HTMLElement>(null);
  const isRunning = startedAt !== null;

  const hasAnswer = execution !== undefined || error !== null;
  const behavior = useReducedMotion() ? 'auto' : 'smooth';

  // Progress and answer come into sight whole; on a narrow screen they are far below the button that asked for them.
  useEffect(() => {
    if (isRunning || hasAnswer) panel.current?.scrollIntoView({ behavior, block: 'nearest' });
  }, [isRunning, hasAnswer, behavior]);

  if (isRunning) {
    return (
      <Panel ref={panel} title="Output" staysInSight>
        <Running startedAt={startedAt} timeoutSeconds={agent.limits.timeout_seconds} onStop={onStop} />
      </Panel>
    );
  }
  if (error && !(error instanceof ApiProblem && error.fields.length > 0)) {
    return (
      <Panel ref={panel} title="Output" staysInSight>
        <RunProblem error={error} budget={budget} onAgain={onAgain} />
      </Panel>
    );
  }
  if (execution && !error) {
    return <ExecutionOutput ref={panel} execution={execution} schema={agent.output} isFresh />;
  }
  return (
    <Panel ref={panel} title="Output" staysInSight actions={<Badge color="gray">Example</Badge>}>
      <Text size="sm" c="dimmed" mb="lg">
        What an answer looks like: the agent’s example. Run it to get your own.
      </Text>
      <SchemaView value={agent.example.output as Json} schema={agent.output} />
    </Panel>
  );
}
