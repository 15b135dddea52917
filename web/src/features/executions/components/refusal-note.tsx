import { Alert, Text } from '@mantine/core';
import type { ReactNode } from 'react';

import type { Refusal } from '@/features/executions/components/refusals';

interface RefusalNoteProps {
  refusal: Refusal;
  /** What the API says about this case. */
  message: string | undefined;
  children?: ReactNode;
}

/** A refusal as what it is: nothing is broken, and this is what to do. */
export function RefusalNote({ refusal: { title, remedy, Icon }, message, children }: RefusalNoteProps) {
  return (
    <Alert color="yellow" role="alert" icon={<Icon aria-hidden="true" />} title={title}>
      {message && <Text size="sm">{message}</Text>}
      <Text size="sm" c="dimmed" mt={message ? 4 : 0}>
        {remedy}
      </Text>
      {children}
    </Alert>
  );
}
