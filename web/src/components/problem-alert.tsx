import { Alert, Button, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';

import { ApiProblem } from '@/lib/api/problem';

interface ProblemAlertProps {
  error: Error;
  title?: string;
  onRetry?: () => void;
}

/** What went wrong, what to do, and the trace id that support asks for. */
export function ProblemAlert({ error, title, onRetry }: ProblemAlertProps) {
  const problem = error instanceof ApiProblem ? error : null;
  return (
    <Alert
      color="red"
      variant="light"
      icon={<IconAlertTriangle />}
      title={title ?? problem?.title ?? 'Something went wrong'}
      role="alert"
    >
      <Text size="sm">{error.message}</Text>
      {problem?.traceId && (
        <Text size="xs" c="dimmed" mt={4} ff="monospace">
          Trace {problem.traceId}
        </Text>
      )}
      {onRetry && (
        <Button size="xs" variant="default" mt="sm" onClick={onRetry}>
          Try again
        </Button>
      )}
    </Alert>
  );
}
