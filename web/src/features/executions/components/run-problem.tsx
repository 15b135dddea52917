import { Anchor, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import { isUnheard } from '@/features/executions/api/once';
import { RefusalNote } from '@/features/executions/components/refusal-note';
import { refusalOf } from '@/features/executions/components/refusals';
import { RunAgain } from '@/features/executions/components/run-again';
import { ApiProblem } from '@/lib/api/problem';

interface RunProblemProps {
  error: Error;
  /** What is left to spend, shown where that is the reason. */
  budget?: ReactNode;
  onAgain: () => void;
}

/** Why there is no answer, what to do about it, and where to see what became of the run. */
export function RunProblem({ error, budget, onAgain }: RunProblemProps) {
  const problem = error instanceof ApiProblem ? error : null;
  const refusal = problem ? refusalOf(problem.code) : undefined;
  const executionId = problem?.executionId ?? null;
  const canHelp = problem !== null && (problem.isPassing || (problem.status === 409 && problem.retryAfter !== null));
  return (
    <>
      {refusal ? (
        <RefusalNote refusal={refusal} message={error.message} />
      ) : (
        <ProblemAlert error={error} title="The agent did not answer" />
      )}
      {problem?.code === 'budget_exceeded' && budget}
      {/* Nobody heard the end of it, so the record is the only way to know. */}
      {(executionId !== null || isUnheard(error)) && (
        <Text size="sm" mt="md">
          {executionId !== null ? (
            <Anchor
              inherit
              renderRoot={(props) => <Link {...props} to="/executions/$id" params={{ id: executionId }} />}
            >
              Open record
            </Anchor>
          ) : (
            <Anchor inherit renderRoot={(props) => <Link {...props} to="/executions" />}>
              Look under Executions
            </Anchor>
          )}
        </Text>
      )}
      {canHelp && <RunAgain after={problem.retryAfter ?? 0} onAgain={onAgain} />}
    </>
  );
}
