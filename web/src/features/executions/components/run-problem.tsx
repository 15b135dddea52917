import { Anchor, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import { ProblemAlert } from '@/components/problem-alert';
import { ApiProblem } from '@/lib/api/problem';

/** Why there is no answer, and where to see what became of the run. */
export function RunProblem({ error }: { error: Error }) {
  const executionId = error instanceof ApiProblem ? error.executionId : null;
  // Nobody heard the end of it, so the record is the only way to know.
  const isUncertain = error instanceof ApiProblem && (error.status === 504 || error.status === 0);
  return (
    <>
      <ProblemAlert error={error} title="The agent did not answer" />
      {(executionId !== null || isUncertain) && (
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
    </>
  );
}
