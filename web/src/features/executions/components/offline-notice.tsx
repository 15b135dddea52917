import { Alert } from '@mantine/core';
import { IconPlugOff } from '@tabler/icons-react';

/** Nobody should take an example for an answer. */
export function OfflineNotice() {
  return (
    <Alert color="yellow" icon={<IconPlugOff />} mb="lg" role="note">
      Answered by the offline model: this is the agent’s example answer, no real model was asked.
    </Alert>
  );
}
