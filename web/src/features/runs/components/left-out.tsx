import { Text } from '@mantine/core';

/** Says which values are there but too large to be shown with all the rest. */
export function LeftOut({ parts }: { parts: ('input' | 'output')[] }) {
  return (
    <Text size="sm" c="dimmed">
      The {parts.join(' and the ')} {parts.length === 1 ? 'is' : 'are'} too large to be shown here. What agents got and
      gave stands with their executions.
    </Text>
  );
}
